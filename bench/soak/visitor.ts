import { connect, type Socket } from "node:net";
import { clientFrame, OPCODE } from "@shardcast/loadtest/frames";

/** How a visitor goes: with a close frame, with a FIN and no word, or with a reset. */
export type Leaving = "close" | "end" | "reset";

export interface Visit {
  readonly port: number;
  readonly localAddress: string;
  /** Sent at once; for a half-open handshake a part of one. */
  readonly request: string;
  /** Sent as a frame when the handshake is through. */
  readonly subscribe?: string | undefined;
  /** Stops reading as soon as it is subscribed. */
  readonly isStalled?: boolean;
  /** From the connection on; then it leaves in its way, unless the server was first. Infinity: it never does. */
  readonly staysMs: number;
  readonly leaving: Leaving;
  readonly onMark?: (mark: string) => void;
}

export interface VisitEnd {
  readonly by: "visitor" | "server";
  readonly hasSubscribed: boolean;
  readonly bytes: number;
}

/** How long a server may take to be rid of a client that says nothing or too little. */
const NOTICED_MS_MAX = 60_000;
const HEAD_END = "\r\n\r\n";
/** What was looked for may begin in one chunk and end in the next. */
const TAIL_CHARS = 4000;

/** One connection that comes, takes what it wants and vanishes. Rejects where there was no connection, or never an end. */
export function visit(options: Visit): Promise<VisitEnd> {
  return new Promise((resolve, reject) => {
    const { port, localAddress, staysMs } = options;
    const socket = connect({ port, localAddress, host: "127.0.0.1" });
    let tail = "";
    let subscribe = options.subscribe;
    let bytes = 0;
    let hasSubscribed = false;
    let by: VisitEnd["by"] = "server";
    let failure: Error | undefined;
    const leaving = setTimeout(
      () => {
        if (staysMs <= NOTICED_MS_MAX) by = "visitor";
        else failure = new Error(`the server still holds a client after ${NOTICED_MS_MAX} ms`);
        depart(socket, failure === undefined ? options.leaving : "reset");
      },
      Math.min(staysMs, NOTICED_MS_MAX),
    );
    socket.on("connect", () => socket.write(options.request));
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      if (hasSubscribed) return;
      tail = (tail + chunk.toString("latin1")).slice(-TAIL_CHARS);
      if (subscribe !== undefined && tail.includes(HEAD_END)) {
        socket.write(clientFrame(OPCODE.text, subscribe));
        subscribe = undefined;
      }
      hasSubscribed = tail.includes('"type":"subscribed"');
      if (!hasSubscribed) return;
      const mark = /"mark":"([^"]+)"/.exec(tail)?.[1];
      if (mark !== undefined) options.onMark?.(mark);
      if (options.isStalled === true) socket.pause();
    });
    // A close follows each error, and once it has a connection any end will do.
    socket.on("error", (error) => {
      if (socket.connecting || bytes === 0) failure ??= by === "visitor" ? undefined : error;
    });
    socket.on("close", () => {
      clearTimeout(leaving);
      if (failure === undefined) resolve({ by, hasSubscribed, bytes });
      else reject(failure);
    });
  });
}

function depart(socket: Socket, leaving: Leaving): void {
  if (leaving === "reset") return void socket.resetAndDestroy();
  if (leaving === "close") socket.write(clientFrame(OPCODE.close, new Uint8Array([3, 232])));
  // Without waiting for what the other side has to say: it is gone.
  socket.destroySoon();
}
