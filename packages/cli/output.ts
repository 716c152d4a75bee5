import { fstatSync } from "node:fs";
import { CommandFailure, type Output } from "./command.ts";

/**
 * Writes no faster than the stream's reader reads, so that what waits stays bounded. When nobody reads any more, as
 * after `| head`, `onClosed` is called once and what is written from then on goes nowhere: the exit code stays that of
 * what the command found.
 */
export function outputTo(stream: NodeJS.WriteStream, isTerminal: boolean, onClosed: () => void): Output {
  const name = stream === process.stdout ? "standard output" : "standard error";
  let isClosed = false;
  let fault: Error | undefined;
  let room = Promise.withResolvers<void>();
  const free = () => {
    room.resolve();
    room = Promise.withResolvers();
  };
  stream.on("drain", free);
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") {
      if (!isClosed) onClosed();
      isClosed = true;
    } else fault = error;
    free();
  });
  return {
    isTerminal,
    async write(text) {
      if (fault === undefined && !isClosed && !stream.write(text)) await room.promise;
      if (fault === undefined) return;
      const advice = "Is there room where it goes?";
      throw new CommandFailure(`${name} cannot be written: ${fault.message}`, { advice, cause: fault });
    },
  };
}

/** Whether stdout and stderr are one pipe, or one file. */
export function areOneOutput(): boolean {
  const [stdout, stderr] = [fstatSync(1), fstatSync(2)];
  return stdout.ino === stderr.ino && stdout.dev === stderr.dev;
}
