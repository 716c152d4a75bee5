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
