import type { Catalogue, MessageEntry } from "./catalogue.ts";

/** In what a page and the code's lists differ: one sentence for each thing that only one of them has. */
export function comparePage(page: string, code: Catalogue): string[] {
  return [
    ...compareMessages(page, "Client → server", code.clientMessages),
    ...compareMessages(page, "Server → client", code.serverMessages),
    ...compare("error code", column(page, "Errors", 0), code.errorCodes),
    ...compare("gap reason", column(page, "Gap reasons", 0), code.gapReasons),
    ...compare("reason to reconnect", column(page, "Being sent elsewhere", 0), code.departureReasons),
    ...compare("close code", joined(page, "Close codes", [0, 2]), code.closeCodes.map(join)),
    ...compare("refusal", joined(page, "Refused handshakes", [0, 1]), code.refusals.map(join)),
    ...compare("rate", column(page, "Rates", 0), code.rates),
  ];
}

/** Every message has a heading of its own, and under it a table of its fields. */
function compareMessages(
  page: string,
  heading: string,
  messages: Readonly<Record<string, MessageEntry>>,
): string[] {
  const part = section(page, `## ${heading}`);
  const described = [...part.matchAll(/^### `(\w+)`$/gm)].map(([, type = ""]) => type);
  const known = Object.keys(messages);
  const fields = known
    .filter((type) => described.includes(type))
    .flatMap((type) => {
      const rows = tableRows(section(part, `### \`${type}\``));
      const documented = rows.map(([name = "", presence = ""]) => `${name} ${presence}`);
      return compare(`field of \`${type}\``, documented, fieldLines(messages[type]));
    });
  return [...compare(`message (${heading})`, described, known), ...fields];
}

function fieldLines(entry: MessageEntry | undefined): string[] {
  const line = ([name, presence]: [string, string]) => `${name} ${presence}`;
  const { fields = {}, items } = entry ?? {};
  const ofItems = Object.entries(items?.fields ?? {}).map(([name, presence]): [string, string] => [
    `${items?.of}[].${name}`,
    presence,
  ]);
  return [...Object.entries(fields), ...ofItems].map(line);
}

function compare(what: string, documented: readonly string[], known: readonly string[]): string[] {
  return [
    ...known.filter((name) => !documented.includes(name)).map((name) => `undocumented ${what}: ${name}`),
    ...documented.filter((name) => !known.includes(name)).map((name) => `no such ${what}: ${name}`),
    ...documented
      .filter((name, index) => documented.indexOf(name) < index)
      .map((name) => `${what} told twice: ${name}`),
  ];
}

/** From a heading to the next one of the same or a higher level. */
function section(page: string, heading: string): string {
  const from = `\n${page}`.split(`\n${heading}\n`)[1] ?? "";
  const level = heading.split(" ")[0]?.length ?? 2;
  return from.split(new RegExp(`^#{1,${level}} `, "m"))[0] ?? "";
}

/** Of all tables of a text, the rows below their heads, each a list of cells without backticks. */
function tableRows(text: string): string[][] {
  const lines = text.split("\n");
  return lines
    .filter((line, index) => line.startsWith("|") && isBody(lines, index))
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll("`", "")));
}

const RULE = /^\|[ :|-]+\|$/;

function isBody(lines: readonly string[], index: number): boolean {
  return !RULE.test(lines[index] ?? "") && !RULE.test(lines[index + 1] ?? "");
}

function column(page: string, heading: string, index: number): string[] {
  return joined(page, heading, [index]);
}

/** The named section's table; a column about coming back holds a word of its own and, after a comma, the details. */
function joined(page: string, heading: string, columns: readonly number[]): string[] {
  const found = ["## ", "### "]
    .map((level) => section(page, `${level}${heading}`))
    .find((text) => text !== "");
  return tableRows(found ?? "").map((cells) => columns.map((at) => cells[at]?.split(",")[0]).join(" "));
}

function join(pair: readonly string[]): string {
  return pair.join(" ");
}
