import { CommandFailure } from "./command.ts";
import type { Paint } from "./paint.ts";

/** What is told of an error that ended a command. One that no command has words for is a defect, and shows where it is. */
export function failureText(error: unknown, paint: Paint): string {
  const head = paint.red("shardcast:");
  if (error instanceof CommandFailure) {
    const next = error.advice === undefined ? "" : `  → ${error.advice}\n`;
    return `${head} ${error.message}\n${next}`;
  }
  const where = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${head} this is a defect of its own: ${where}\n  → Please report it, with the command line and this text.\n`;
}
