import { once } from "node:events";
import type { Output } from "./command.ts";

/** Writes no faster than the stream's reader reads, so that what waits stays bounded. */
export function outputTo(stream: NodeJS.WriteStream): Output {
  let failure: Error | undefined;
  stream.on("error", (error) => {
    failure = error;
  });
  return {
    isTerminal: stream.isTTY === true,
    async write(text) {
      if (failure !== undefined) throw failure;
      if (!stream.write(text)) await once(stream, "drain");
    },
  };
}

/** Whether somebody has closed the other end, as `| head` does: a reason to end, not a failure. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
