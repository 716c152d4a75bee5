import { DASHBOARD_PAGE } from "@shardcast/dashboard/page";
import { DEMO_PAGE } from "@shardcast/demo/page";
import { loadConfig } from "@shardcast/server/config";
import type { Problem } from "@shardcast/server/config/problem";
import { SETTINGS } from "@shardcast/server/config/settings";
import type { Command } from "./command.ts";
import { flagsCommand, ownCommand } from "./ownCommand.ts";
import { settingsFailure } from "./readFlags.ts";

export const serve: Command = {
  name: "serve",
  summary: "run one instance: a supervisor and its shards",
  usage: "[flags]",
  description:
    "Reads records from Kafka, HTTP or the demo feed and serves them to WebSocket clients at ws://<host>:<port>/ws. " +
    "Health, metrics and publishing are on the admin port. SIGTERM and SIGINT end it in order. Every flag can also be " +
    "the environment variable beside it, or a key in the file that --config names; flags go first, then variables, " +
    "then the file.",
  settings: SETTINGS,
  examples: [
    { does: "an invented market, to look around", line: "shardcast serve --demo" },
    {
      does: "two topics of a Kafka cluster",
      line: "shardcast serve --kafka-brokers localhost:9092 --kafka-topics trades,quotes",
    },
    {
      does: "channels made from a JSON field",
      line: "shardcast serve --kafka-brokers k:9092 --kafka-topics trades --channel-template '{value.symbol}.{topic}'",
    },
    { does: "the same from a file", line: "shardcast serve --config shardcast.yaml" },
  ],
  exitCodes: {
    0: "It was ended in order, its clients sent elsewhere.",
    1: "It could not start, such as with a port that is taken, or a process of it failed for good.",
  },
  async run(context) {
    const loaded = loadConfig(context);
    const addedTo = flagsCommand(context.env);
    if (!loaded.ok) throw settingsFailure(loaded.problems, adviceOnFlags(loaded.problems, addedTo));
    const { runSupervisor } = await import("@shardcast/server/supervisor");
    return await runSupervisor(loaded.config, {
      command: ownCommand(context.env),
      flagsCommand: addedTo,
      pages: [DASHBOARD_PAGE, DEMO_PAGE],
    });
  },
};

/** A word that belongs to no flag may be the value of one that npm has kept. */
function adviceOnFlags(problems: readonly Problem[], command: string | undefined): string | undefined {
  const hasWord = problems.some(({ origin }) => origin.kind === "flag" && !origin.name.startsWith("-"));
  if (!hasWord || command === undefined) return undefined;
  return `npm keeps flags for itself unless \`--\` stands before them: ${command} --port 9000`;
}
