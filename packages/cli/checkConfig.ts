import { loadConfig } from "@shardcast/server/config";
import type { EffectiveSetting } from "@shardcast/server/config/effective";
import { redactConfig } from "@shardcast/server/config/redactConfig";
import { GROUPS, type Setting } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { type Command, EXIT } from "./command.ts";
import type { Paint } from "./paint.ts";
import { settingsFailure } from "./readFlags.ts";

const json = {
  name: "json",
  kind: SETTINGS.demo.kind,
  group: "command",
  doc: "Print JSON: the configuration as the server's parts get it, without secrets, or the problems.",
  default: false,
  where: "flag",
} as const satisfies Setting;

export const checkConfig: Command = {
  name: "check-config",
  summary: "print the settings that serve would run with, or what is wrong with them",
  usage: "[flags of serve] [--json]",
  description:
    "Takes the same flags, variables and file as serve, and starts nothing. Prints every setting with its value and " +
    "where that comes from; secrets are not shown.",
  settings: { json, ...SETTINGS },
  examples: [
    { does: "check a file before it is rolled out", line: "shardcast check-config --config shardcast.yaml" },
    { does: "see what one flag would change", line: "shardcast check-config --region eu | grep -v default" },
  ],
  exitCodes: {
    0: "serve would start with these settings.",
    1: "The answer could not be written. Wrong settings are exit code 2, as with serve.",
  },
  async run(context) {
    const isJson = context.argv.includes("--json");
    const loaded = loadConfig({ ...context, argv: context.argv.filter((argument) => argument !== "--json") });
    if (isJson) {
      const shown = loaded.ok
        ? { ok: true, config: redactConfig(loaded.config), sources: loaded.sources }
        : { ok: false, problems: loaded.problems };
      await context.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    } else if (loaded.ok) {
      await context.stdout.write(formatEffective(loaded.effective, context.paint.stdout));
    } else {
      throw settingsFailure(loaded.problems);
    }
    return loaded.ok ? EXIT.ok : EXIT.usage;
  },
};

function formatEffective(settings: readonly EffectiveSetting[], paint: Paint): string {
  const sections = Object.entries(GROUPS).flatMap(([group, title]) => {
    const members = settings.filter((setting) => setting.group === group && setting.value !== undefined);
    return members.length === 0 ? [] : [`${paint.bold(`# ${title}`)}\n${members.map(formatLine).join("\n")}`];
  });
  return `${sections.join("\n\n")}\n\n${paint.green("# ok")}\n`;

  // JSON is YAML, so that what is printed could be used as a config file. What is hidden is no value to use again.
  function formatLine({ name, value, isHidden, origin }: EffectiveSetting): string {
    const whence = origin.kind === "default" ? "default" : origin.name;
    if (isHidden) return paint.dim(`# ${name}: set by ${whence}, not shown: ${value}`);
    return `${paint.cyan(name)}: ${JSON.stringify(value)} ${paint.dim(`# ${whence}`)}`;
  }
}
