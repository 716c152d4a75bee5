// Holds docs/protocol.md to the code, in both directions: what either has and the other has not is told.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { CLOSE_CODES } from "../packages/protocol/closeCodes.ts";
import { catalogue } from "./protocolPage/catalogue.ts";
import { comparePage } from "./protocolPage/comparePage.ts";

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const page = read("docs/protocol.md");
const code = catalogue();

test("the protocol's page has every message, field, code and reason of the code, and no other", () => {
  expect(comparePage(page, code)).toEqual([]);
});

test("the code's own lists are those of its types, also where nobody checks these", () => {
  const types = read("packages/protocol/messages.ts");
  const names = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].map(([, name = ""]) => name).sort();
  const union = (name: string) =>
    names(types.split(`type ${name} =`)[1]?.split(";")[0] ?? "", /^ *\| "(\w+)"/gm);
  const listed = [code.clientMessages, code.serverMessages].flatMap((messages) => Object.keys(messages));
  expect(names(types, /readonly type: "(\w+)"/g)).toEqual(listed.sort());
  expect(union("RequestErrorCode")).toEqual([...code.errorCodes].sort());
  expect(union("GapReason")).toEqual([...code.gapReasons].sort());
});

describe("what is planted is found", () => {
  const before = comparePage(page, code);

  /** What changing one line of the page, which must be there exactly once, adds to what is wrong with it. */
  function planted(line: string | RegExp, instead: string): string[] {
    const found = page
      .split("\n")
      .filter((each) => (line instanceof RegExp ? line.test(each) : each === line));
    expect(found).toHaveLength(1);
    const changed = page.replace(`\n${found[0]}\n`, `\n${instead}\n`);
    return comparePage(changed, code).filter((problem) => !before.includes(problem));
  }

  test("a message that the page leaves out", () => {
    expect(planted("### `pong`", "### The answer to a ping")).toContain(
      "undocumented message (Server → client): pong",
    );
  });

  test("a message that only the page has", () => {
    expect(planted("### `ping`", "### `publish`")).toEqual([
      "undocumented message (Client → server): ping",
      "no such message (Client → server): publish",
    ]);
  });

  test("a field, and whether it may be absent", () => {
    expect(planted(/^\| `pingIntervalMs` /, "| `pingEveryMs` | required | |")).toEqual([
      "undocumented field of `welcome`: pingIntervalMs required",
      "no such field of `welcome`: pingEveryMs required",
    ]);
    expect(planted(/^\| `since` \|/, "| `since` | required | |")).toHaveLength(2);
  });

  test.each([
    ["error code", /^\| `policy_conflict` /, "| `policy_odd` | | |"],
    ["gap reason", /^\| `truncated` /, "| `lost` | |"],
    ["reason to reconnect", /^\| `rebalancing` /, "| `moving` | |"],
    ["refusal", /^\| `saturated` /, "| `saturated` | 429 | | |"],
    ["rate", /^\| 0\.2 /, "| 0.3 | |"],
    ["close code", /^\| 1013 /, "| 1013 | try again later | no |"],
  ])("a %s that differs", (what, line, instead) => {
    const problems = planted(line, instead);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toStartWith(`undocumented ${what}: `);
    expect(problems[1]).toStartWith(`no such ${what}: `);
  });

  test("a code that only the code has", () => {
    const closeCodes = [...code.closeCodes, ["4999", "yes"] as const];
    const grown = { ...code, closeCodes, errorCodes: [...code.errorCodes, "brand_new"] };
    expect(comparePage(page, grown).filter((problem) => !before.includes(problem))).toEqual([
      "undocumented error code: brand_new",
      "undocumented close code: 4999 yes",
    ]);
  });
});

test("close codes are told in the order of their numbers", () => {
  const codes = Object.values(CLOSE_CODES).map((meaning) => meaning.code);
  expect(codes).toEqual([...codes].sort((a, b) => a - b));
});
