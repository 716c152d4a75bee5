import { relative } from "node:path";

/** What a person types to run this program once more, as the launcher tells how it was run. */
export function ownCommand(env: Readonly<Record<string, string | undefined>>): string {
  switch (env["SHARDCAST_LAUNCHED_BY"]) {
    case "run.mjs":
      return "npm run shardcast --";
    case "npx":
      return "npx shardcast";
    case "bin.mjs":
      return "shardcast";
    default:
      return `bun ${relative(process.cwd(), Bun.main)}`;
  }
}

/**
 * What flags of this server are added to, where a person may not know: to the bare `npm start`, which keeps for itself what
 * stands before `--`. Other package managers hand flags on as they are.
 */
export function flagsCommand(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const isStart = env["SHARDCAST_LAUNCHED_BY"] === "run.mjs" && env["npm_lifecycle_event"] === "start";
  return isStart && env["npm_config_user_agent"]?.startsWith("npm/") ? "npm start --" : undefined;
}
