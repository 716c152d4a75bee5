import { type Environment, readEnvironment } from "@shardcast/server/config/environment";
import { VERSION } from "@shardcast/server/version";
import { type CommandContext, CommandFailure, EXIT } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { failureText } from "./failureText.ts";
import { findCommand } from "./findCommand.ts";
import { commandHelp, overview } from "./help.ts";
import { Interrupted } from "./interrupted.ts";
import { areOneOutput, outputTo } from "./output.ts";
import { type Paint, paint } from "./paint.ts";

process.exitCode = await main(readEnvironment());

async function main(environment: Environment): Promise<number> {
  const ending = new AbortController();
  const isDumb = environment.env["TERM"] === "dumb";
  const output = (stream: NodeJS.WriteStream, onClosed: () => void) =>
    outputTo(stream, stream.isTTY === true && !isDumb, onClosed);
  const context: CommandContext = {
    ...environment,
    stdout: output(process.stdout, () => ending.abort()),
    // Whoever reads the results may do without what is told beside them, unless both go the same way (`2>&1 | head`).
    stderr: output(process.stderr, () => areOneOutput() && ending.abort()),
    paint: { stdout: paint(environment.colors.stdout), stderr: paint(environment.colors.stderr) },
    signal: ending.signal,
  };
  // The server ends its processes in an order of its own.
  if (context.argv[0] !== "serve")
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => ending.abort(new Interrupted(signal)));
  try {
    return await dispatch(context);
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode;
    // Nobody reads any more, and so nobody waits for it.
    if (ending.signal.aborted && error === ending.signal.reason) return EXIT.ok;
    return await report(error, context);
  }
}

async function dispatch(context: CommandContext): Promise<number> {
  const { argv, stdout, stderr } = context;
  const [first, ...rest] = argv;
  if (first === undefined) {
    await stderr.write(await overviewFor(context.paint.stderr));
    return EXIT.usage;
  }
  if (first === "version" || argv.includes("--version") || first === "-V") {
    await stdout.write(`${VERSION}\n`);
    return EXIT.ok;
  }
  const isHelp = first === "--help" || first === "-h" || first === "help";
  const words = isHelp ? rest : argv;
  if (words.length === 0) {
    await stdout.write(await overviewFor(context.paint.stdout));
    return EXIT.ok;
  }
  const found = findCommand(words);
  const command = await found.load();
  if (isHelp || argv.includes("--help") || argv.includes("-h")) {
    await stdout.write(commandHelp(command, context.paint.stdout));
    return EXIT.ok;
  }
  return await command.run({ ...context, argv: found.argv });
}

async function overviewFor(style: Paint): Promise<string> {
  return overview(await Promise.all(Object.values(COMMANDS).map((load) => load())), style);
}

async function report(error: unknown, { stderr, paint: { stderr: style } }: CommandContext): Promise<number> {
  // Where it cannot be told, the exit code still tells.
  await stderr.write(failureText(error, style)).catch(() => undefined);
  return error instanceof CommandFailure ? error.exitCode : EXIT.failed;
}
