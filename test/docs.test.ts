// Holds pages to what the code says.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import { COMMANDS } from "../packages/cli/commands.ts";

const ROOT = join(import.meta.dir, "..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const PAGES = ["README.md", "packages/client/README.md", ...new Glob("docs/**/*.md").scanSync(ROOT)];

test("docs/routing.md explains every reason for which a record has no channel", () => {
  const union = /type UnroutableReason =([^;]+);/.exec(read("packages/server/source/route.ts"))?.[1] ?? "";
  const reasons = [...union.matchAll(/"(\w+)"/g)].map(([, reason]) => reason);
  const rows = read("docs/routing.md").split("\n| reason |")[1] ?? "";
  expect([...rows.matchAll(/`(\w+_\w+)`/g)].map(([, reason]) => reason)).toEqual(reasons);
  expect(reasons.length).toBeGreaterThan(5);
});

test("every link between pages leads somewhere", () => {
  const broken = PAGES.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page} → ${target}`),
  );
  expect(broken).toEqual([]);
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
