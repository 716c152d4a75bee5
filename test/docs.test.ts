// Holds pages to what the code says.
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { COMMANDS } from "../packages/cli/commands.ts";
import { UNROUTABLE_REASONS } from "../packages/server/source/route.ts";
import { flagsNamed, knownFlags } from "./pages/flags.ts";
import { brokenLinks, malformedLinks } from "./pages/links.ts";
import { pagePaths, ROOT, readPage as read } from "./pages/pages.ts";

const PAGES = pagePaths();

test("docs/routing.md explains every reason for which a record has no channel", () => {
  const rows = read("docs/routing.md").split("\n| reason |")[1] ?? "";
  expect([...rows.matchAll(/`(\w+_\w+)`/g)].map(([, reason = ""]) => reason)).toEqual([
    ...UNROUTABLE_REASONS,
  ]);
});

test("every link between pages leads to a file, and to a heading of it where it names one", () => {
  expect(PAGES.flatMap((page) => brokenLinks(ROOT, page, read(page)))).toEqual([]);
});

test("a link to a page or a heading that is not there is found", () => {
  const page =
    "# A page\n[a](security.md#nothing-here) [b](nowhere.md) [c](#a-page) [d](#b-page)\n<img src='no.svg'>";
  expect(brokenLinks(ROOT, "docs/README.md", page)).toEqual([
    "docs/README.md → security.md#nothing-here",
    "docs/README.md → nowhere.md",
    "docs/README.md → #b-page",
    "docs/README.md → no.svg",
  ]);
});

test("every link to another site is one that can be followed", () => {
  expect(PAGES.flatMap((page) => malformedLinks(page, read(page)))).toEqual([]);
  const all = PAGES.flatMap((page) => read(page).match(/\]\(https:/g) ?? []);
  expect(all.length).toBeGreaterThan(5);
});

test.each([
  "[a](http://example.com/x)",
  "[a](https://example.com/x y)",
  "[a](https://example.com/x.)",
  "[a](https://example)",
  "[a](https:/example.com)",
  "[a](htps://example.com/x)",
  "[a](https://user@example.com/x)",
  "[a](https://example.com/x and no end",
  "<http://example.com>",
])("of a page with %s that is told", (link) => {
  const sound = "[a](https://example.com/x?y#z) <http://localhost:3001> `[a](http://…)` [a](page.md)";
  expect(malformedLinks("page.md", sound)).toEqual([]);
  expect(malformedLinks("page.md", `${sound}\nsome words, ${link}\nmore`)).toHaveLength(1);
});

test("the index of the docs names every page, and the README leads to the index", () => {
  const index = read("docs/README.md");
  const unnamed = [...new Glob("docs/**/*.md").scanSync(ROOT)]
    .filter((page) => page !== "docs/README.md" && !page.startsWith("docs/decisions/"))
    .filter((page) => !index.includes(`](${page.slice("docs/".length)}`));
  const decisions = read("docs/decisions/README.md");
  const undecided = [...new Glob("docs/decisions/*.md").scanSync(ROOT)]
    .map((page) => page.slice("docs/decisions/".length))
    .filter((page) => page !== "README.md" && !decisions.includes(`](${page})`));
  expect([...unnamed, ...undecided]).toEqual([]);
  expect(read("README.md")).toContain("](docs/README.md)");
});

test("commands on pages name scripts and commands that there are", () => {
  const scriptsOf = (file: string) => (JSON.parse(read(file)) as { scripts: Record<string, string> }).scripts;
  const root = scriptsOf("package.json");
  // The commands of that page are given in the program's own folder.
  const ofGoogleCloud = { ...root, ...scriptsOf("deploy/gcp/package.json") };
  const wrong = PAGES.flatMap((page) => {
    const text = read(page);
    const scripts = page === "docs/gcp.md" ? ofGoogleCloud : root;
    const named = [...text.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name = ""]) => name);
    const commands = [...text.matchAll(/npm run shardcast -- ([a-z][\w-]*)/g)].map(([, name = ""]) => name);
    return [
      ...named.filter((name) => scripts[name] === undefined),
      ...commands.filter((name) => !Object.hasOwn(COMMANDS, name)),
    ].map((name) => `${page}: ${name}`);
  });
  expect(wrong).toEqual([]);
});

test("flags on pages are those of the commands", async () => {
  // Those of a container engine, and of scripts/composeTest.ts and of benches, which are no commands.
  const foreign = ["--ulimit", "--sysctl", "--stand-ins", "--run-flags", "--apart"];
  const pages = PAGES.filter((page) => page !== "docs/benchmarks.md");
  const known = await knownFlags();
  const isWrong = (flag: string) => !known.has(flag) && !foreign.includes(flag);
  const wrong = pages.flatMap((page) =>
    flagsNamed(read(page))
      .filter(isWrong)
      .map((flag) => `${page}: ${flag}`),
  );
  expect(wrong).toEqual([]);
  expect(flagsNamed("`--no-such-flag 3`, `npm run shardcast -- tail x --nor-this`").filter(isWrong)).toEqual([
    "--no-such-flag",
    "--nor-this",
  ]);
});

test("metrics and alerts that runbooks name are those of the server", () => {
  // That page is held to a running server by test/metrics.test.ts.
  const listed = read("docs/operations.md");
  const alerts = read("deploy/prometheus/rules/shardcast.yml");
  const wrong = PAGES.filter((page) => page.startsWith("docs/operations/")).flatMap((page) => {
    const text = read(page);
    const metrics = [...text.matchAll(/`shardcast_(\w+)/g)].map(([, name = ""]) => name);
    const named = [...text.matchAll(/`(Shardcast[A-Z]\w+)`/g)].map(([, name = ""]) => name);
    return [
      ...metrics.filter((name) => !new RegExp(`\`${name}[\`{]`).test(listed)),
      ...named.filter((name) => !alerts.includes(`alert: ${name}\n`)),
    ].map((name) => `${page}: ${name}`);
  });
  expect(wrong).toEqual([]);
});
