// Holds pages to what the code says.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";

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

test("the README's commands name scripts that there are", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const named = [...read("README.md").matchAll(/npm run (\w+)/g)].map(([, name]) => name ?? "");
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});
