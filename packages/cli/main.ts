import { didYouMean } from "@shardcast/server/config/didYouMean";
import { type Environment, readEnvironment } from "@shardcast/server/config/environment";
import { VERSION } from "@shardcast/server/version";
import { type CommandContext, CommandFailure, EXIT } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { commandHelp, overview } from "./help.ts";
import { isClosedPipe, outputTo } from "./output.ts";
import { paint } from "./paint.ts";

process.exitCode = await main(readEnvironment());

async function main(environment: Environment): Promise<number> {
  const [name, ...argv] = environment.argv;
  const ending = new AbortController();
  const context: CommandContext = {
    ...environment,
    argv,
    stdout: outputTo(process.stdout),
    stderr: outputTo(process.stderr),
    paint: { stdout: paint(environment.colors.stdout), stderr: paint(environment.colors.stderr) },
    signal: ending.signal,
  };
  // The server ends its processes in an order of its own.
  if (name !== "serve")
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ending.abort());
  try {
    return await dispatch(name, context);
  } catch (error) {
    if (isClosedPipe(error)) return EXIT.ok;
    return await report(error, context);
  }
}

async function dispatch(name: string | undefined, context: CommandContext): Promise<number> {
  const { argv, stdout, stderr } = context;
  if (name === "--version" || name === "-V" || name === "version") {
    await stdout.write(`${VERSION}\n`);
    return EXIT.ok;
  }
  const asksHelp = name === "--help" || name === "-h" || name === "help";
  const wanted = asksHelp ? argv[0] : name;
  if (wanted === undefined) {
    await (asksHelp ? stdout : stderr).write(
      await overviewFor(asksHelp ? context.paint.stdout : context.paint.stderr),
    );
    return asksHelp ? EXIT.ok : EXIT.usage;
  }
  const load = Object.hasOwn(COMMANDS, wanted) ? COMMANDS[wanted] : undefined;
  if (load === undefined) {
    const similar = didYouMean(wanted, Object.keys(COMMANDS));
    const advice =
      similar === undefined ? "shardcast --help lists all commands." : `Did you mean ${similar}?`;
    throw new CommandFailure(`there is no command ${JSON.stringify(wanted)}`, {
      advice,
      exitCode: EXIT.usage,
    });
  }
  const command = await load();
  if (asksHelp || argv.includes("--help") || argv.includes("-h")) {
    await stdout.write(commandHelp(command, context.paint.stdout));
    return EXIT.ok;
  }
  return await command.run(context);
}

async function overviewFor(style: ReturnType<typeof paint>): Promise<string> {
  return overview(await Promise.all(Object.values(COMMANDS).map((load) => load())), style);
}

async function report(error: unknown, { stderr, paint: { stderr: style } }: CommandContext): Promise<number> {
  if (!(error instanceof CommandFailure)) throw error;
  const advice = error.advice === undefined ? "" : `  → ${error.advice}\n`;
  await stderr.write(`${style.red("shardcast:")} ${error.message}\n${advice}`);
  return error.exitCode;
}
