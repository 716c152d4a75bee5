import type { Environment } from "@shardcast/server/config/environment";
import type { SettingTable } from "@shardcast/server/config/readSettings";
import type { Paint } from "./paint.ts";

export const EXIT = {
  ok: 0,
  failed: 1,
  /** What was asked for cannot be meant: nothing was started. */
  usage: 2,
} as const;

/** One command of `shardcast`: what help says about it, and what it does. */
export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What follows the name: `<channel> <json|->`. */
  readonly usage: string;
  readonly description: string;
  readonly settings: SettingTable;
  readonly examples: readonly { readonly does: string; readonly line: string }[];
  /** What these say; `EXIT.usage` says the same for every command. */
  readonly exitCodes: { readonly [EXIT.ok]: string; readonly [EXIT.failed]: string };
  /** Resolves with the exit code. Rejects with a `CommandFailure` for what the user can mend. */
  readonly run: (context: CommandContext) => Promise<number>;
}

export interface CommandContext extends Environment {
  /** What stands after the command's name. */
  readonly argv: readonly string[];
  readonly stdout: Output;
  readonly stderr: Output;
  readonly paint: { readonly stdout: Paint; readonly stderr: Paint };
  /** Aborted when the user wants the command to end, with an `Interrupted`, or when nobody reads its output any more. */
  readonly signal: AbortSignal;
}

export interface Output {
  /** Somebody reads along, on a terminal that can go back over what is written. */
  readonly isTerminal: boolean;
  /** Resolves when more may be written, also where nobody reads any more. Rejects where it could not be written. */
  write(text: string): Promise<void>;
}

/** Ends a command with a message and what to do next. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly advice: string | undefined;
  readonly exitCode: number;
  constructor(
    message: string,
    options: ErrorOptions & { readonly advice?: string; readonly exitCode?: number } = {},
  ) {
    super(message, options);
    this.advice = options.advice;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** The command line cannot be meant. */
export function usageFailure(message: string, advice: string): CommandFailure {
  return new CommandFailure(message, { advice, exitCode: EXIT.usage });
}
