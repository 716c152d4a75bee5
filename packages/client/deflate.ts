import type { Encoding } from "./encoding.ts";

/**
 * Pass it as `encoding`: the server then sends several messages in one compressed frame. It is a module of its own so that
 * bundles without it stay as small as they are.
 */
export const deflate: Encoding = {
  isAvailable() {
    try {
      return new DecompressionStream(FORMAT) instanceof DecompressionStream;
    } catch {
      // Absent, or one that knows older formats alone, as that of Node 18.
      return false;
    }
  },
  address: (url) => `${url}${url.includes("?") ? "&" : "?"}encoding=deflate`,
  reader() {
    /** Settles when the frames so far are handed out; undefined while none has to be waited for. */
    let handingOut: Promise<void> | undefined;
    return (frame, then) => {
      const isText = !(frame instanceof ArrayBuffer);
      if (isText && handingOut === undefined) {
        then(frame);
        return;
      }
      // Inflated side by side, handed out in turn.
      const text = isText ? frame : inflate(frame).catch(() => undefined);
      const last = (handingOut ?? Promise.resolve()).then(async () => {
        then(await text);
        if (handingOut === last) handingOut = undefined;
      });
      handingOut = last;
    };
  },
};

/** Raw deflate, without the heads that `deflate` and `gzip` mean there. */
const FORMAT = "deflate-raw";

function inflate(frame: ArrayBuffer): Promise<string> {
  const inflated = new Response(frame).body?.pipeThrough(new DecompressionStream(FORMAT));
  return new Response(inflated).text();
}
