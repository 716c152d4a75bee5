import { withSecretFile } from "@shardcast/server/config/readSettings";
import { flagOf, formatValue, GROUPS, type Setting, variableOf } from "@shardcast/server/config/setting";
import { type Command, EXIT } from "./command.ts";
import type { Paint } from "./paint.ts";

const LINE_LENGTH_MAX = 100;

const USAGE_MEANS = "What was asked for cannot be meant; nothing was started.";

/** By exit code, for all commands; each tells more of its own 0 and 1. */
export const EXIT_CODES: readonly (readonly [code: string, means: string])[] = [
  [`${EXIT.ok}`, "Done, or all is well."],
  [`${EXIT.failed}`, "Failed, or what was looked at is not well."],
  [`${EXIT.usage}`, USAGE_MEANS],
  ["130, 143", "Ended by Ctrl-C or SIGTERM before it was done. What runs until it is ended has 0 instead."],
];

/** What holds for the output of all commands. */
export const OUTPUT_RULES: readonly string[] = [
  "Results go to stdout; what went wrong, progress and logs go to stderr.",
  "Colours are for terminals. NO_COLOR takes them away, FORCE_COLOR=1 gives them to a pipe, FORCE_COLOR=0 to nobody.",
];

export function overview(commands: readonly Command[], paint: Paint): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const lines = commands.map(({ name, summary }) => `  ${paint.cyan(name.padEnd(width))}${summary}`);
  return `${paint.bold("shardcast")} puts ordered records in front of every subscribed WebSocket client.

${paint.bold("Usage")}
  shardcast <command> [flags]

${paint.bold("Commands")}
${lines.join("\n")}

${paint.bold("Try")}
  shardcast serve --demo                ${paint.dim("# a server with an invented market")}
  shardcast tail 'BTC.*'                ${paint.dim("# in another terminal: what its clients see")}

${paint.bold("Exit codes")}
${EXIT_CODES.map((row) => exitLine(row, paint)).join("\n")}

${OUTPUT_RULES.map((rule) => wrap(rule, "")).join("\n")}
shardcast <command> --help tells all about one. --version prints the version.
`;
}

export function commandHelp(command: Command, paint: Paint): string {
  const { name, usage, summary, description, settings, examples, exitCodes } = command;
  const head = `${paint.bold(`shardcast ${name}`)}: ${summary}\n\n${paint.bold("Usage")}\n  shardcast ${name} ${usage}`;
  const shown = examples.map(({ does, line }) => `  ${paint.dim(`# ${does}`)}\n  ${line}`);
  return [
    head,
    wrap(description, ""),
    `${paint.bold("Examples")}\n${shown.join("\n")}`,
    ...groupsOf(settings).map(
      ([title, group]) => `${paint.bold(title)}\n${group.map((setting) => entry(setting, paint)).join("\n")}`,
    ),
    `${paint.bold("Exit codes")}\n${exitRows(exitCodes)
      .map((row) => exitLine(row, paint))
      .join("\n")}`,
  ]
    .join("\n\n")
    .concat("\n");
}

/** Those of one command. */
export function exitRows(exitCodes: Command["exitCodes"]): typeof EXIT_CODES {
  return [
    [`${EXIT.ok}`, exitCodes[EXIT.ok]],
    [`${EXIT.failed}`, exitCodes[EXIT.failed]],
    [`${EXIT.usage}`, USAGE_MEANS],
  ];
}

function exitLine([code, means]: (typeof EXIT_CODES)[number], paint: Paint): string {
  return `  ${paint.cyan(code.padEnd(10))}${means}`;
}

function groupsOf(table: Command["settings"]): [title: string, settings: Setting[]][] {
  const settings = Object.values(table).flatMap(withSecretFile);
  const own = settings.filter(({ group }) => group === "command");
  const rest = Object.entries(GROUPS).filter(([group]) => group !== "command");
  const groups = rest.map(([group, title]): [string, Setting[]] => [
    title,
    settings.filter((setting) => setting.group === group),
  ]);
  return [["Flags", own] satisfies [string, Setting[]], ...groups].filter(
    ([, members]) => members.length > 0,
  );
}

function entry(setting: Setting, paint: Paint): string {
  const { kind, doc, where } = setting;
  const value = kind.placeholder === "" ? "" : ` ${kind.placeholder}`;
  const variable = where === "flag" ? "" : `  ${paint.dim(variableOf(setting))}`;
  return `  ${paint.cyan(flagOf(setting))}${value}${variable}\n${wrap(`${doc}${defaultText(setting)}`, "      ")}`;
}

function defaultText(setting: Setting): string {
  if (setting.derived !== undefined) return ` Default: ${setting.derived}.`;
  if (setting.default === undefined || setting.default === false) return "";
  const shown = formatValue(setting, setting.default);
  return shown === "" ? "" : ` Default: ${shown}`;
}

function wrap(text: string, indent: string): string {
  return text
    .split("\n")
    .map((paragraph) => wrapParagraph(paragraph, indent))
    .join("\n");
}

function wrapParagraph(paragraph: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > LINE_LENGTH_MAX) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line].join("\n");
}
