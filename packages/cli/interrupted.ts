import { constants } from "node:os";

/** The user wants a command to end before it is done: no failure that needs words, and no success. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** As shells have it: 130 for Ctrl-C. */
  readonly exitCode: number;
  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`ended by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}
