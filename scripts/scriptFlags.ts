import { type ParseArgsConfig, parseArgs } from "node:util";

/** The flags of a script; a slip of the pen is answered with its usage, and not with a stack. */
export function scriptFlags<T extends ParseArgsConfig>(usage: string, config: T) {
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
