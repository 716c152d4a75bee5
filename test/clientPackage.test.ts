// The SDK as it is published: packed, installed in a project that knows nothing of this repository, and used there in every
// runtime that it is for, over connections that break.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { browserForTests, hasChromium } from "./browser.fixture.ts";
import { seededRandom } from "./chaos/random.ts";
import { type DisturbedFeed, type Sent, startDisturbedFeed } from "./clientPackage/disturbedFeed.ts";
import { createProject, type Project } from "./clientPackage/project.ts";
import { modernNode } from "./services/modernNode.ts";

/** One that stands, and one that is new each time; a failure names it. */
const SEEDS = [1, Math.floor(Math.random() * 2 ** 31)];
const node = modernNode();

let project: Project;
let feed: DisturbedFeed;
beforeAll(async () => {
  [project, feed] = await Promise.all([createProject(), startDisturbedFeed()]);
}, 120_000);
afterAll(async () => {
  project?.close();
  await feed?.close();
});

interface Report {
  readonly seen: Sent;
  readonly problems: readonly unknown[];
  readonly stats: { readonly reconnects: number; readonly messages: number };
  readonly status: string;
}

async function expectAll(seed: number, ready: Promise<unknown>, report: Promise<Report>): Promise<void> {
  await ready;
  const { sent, cuts } = await feed.run(seededRandom(seed));
  const { seen, problems, stats, status } = await report;
  expect(seen).toEqual(sent);
  expect({ problems, status }).toEqual({ problems: [], status: "closed" });
  expect(cuts).toBeGreaterThan(10);
  // Chromium lets a page come back less often than it is cut off, and so does a busy machine.
  expect(stats.reconnects).toBeGreaterThan(0);
}

describe("the package", () => {
  test("holds modules, their types, a bundle for browsers, a page and a license, and no tests or dependencies", () => {
    const files = (folder = "") => readdirSync(join(project.installed, folder)).sort();
    expect(files()).toEqual([
      "LICENSE",
      "README.md",
      "browser",
      "client",
      "examples",
      "package.json",
      "protocol",
    ]);
    expect(files("browser")).toContain("client.js");
    const modules = [...files("client"), ...files("protocol")];
    expect(modules).toContain("client.d.ts");
    expect(modules.filter((file) => !/^\w+(\.d\.ts|\.js)$/.test(file))).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(project.installed, "package.json"), "utf8"));
    expect([manifest.dependencies, manifest.peerDependencies, manifest.scripts]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    for (const { types, default: module } of [manifest.exports["."], manifest.exports["./deflate"]]) {
      expect([types, module].every((path) => existsSync(join(project.installed, path)))).toBe(true);
    }
    const readme = readFileSync(join(project.installed, "README.md"), "utf8");
    const targets = [...readme.matchAll(/\]\((?!https:)([^)#]+)/g)].map(([, target = ""]) => target);
    expect(targets).toContain("examples/react/useChannel.ts");
    expect(targets.filter((target) => !existsSync(join(project.installed, target)))).toEqual([]);
    expect(targets.filter((target) => target.startsWith(".."))).toEqual([]);
  });

  test("has types that a strict compiler takes, in both of its ways to find modules", () => {
    const compiler = join(import.meta.dir, "..", "node_modules", ".bin", "tsc");
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      const flags =
        `--noEmit --strict --exactOptionalPropertyTypes --target es2022 --lib es2022,dom --types`.split(" ");
      const command = [
        compiler,
        ...flags,
        "",
        "--module",
        `${module}`,
        "--moduleResolution",
        `${resolution}`,
      ];
      const { exitCode, stdout } = Bun.spawnSync([...command, "source/typed.ts"], { cwd: project.directory });
      expect([exitCode, stdout.toString()]).toEqual([0, ""]);
    }
  }, 60_000);
});

describe("over random disconnects nothing is missing, repeated or out of order", () => {
  async function runProgram(program: string, seed: number, encoding: string): Promise<void> {
    const child = Bun.spawn([program, "source/main.mjs", feed.url, encoding], {
      cwd: project.directory,
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = readLines(child.stdout);
    const report = async () => JSON.parse(`${(await lines.next()).value}`) as Report;
    const ready = lines.next();
    await expectAll(seed, ready, ready.then(report));
    expect(await child.exited).toBe(0);
  }

  const cases = SEEDS.flatMap((seed) => [[seed, "plain"] as const, [seed, "deflate"] as const]);
  test.each(cases)(
    "in Bun, seed %i, %s",
    (seed, encoding) => runProgram(process.execPath, seed, encoding),
    60_000,
  );

  describe.skipIf(node === undefined)("", () => {
    test.each(cases)(
      "in Node 22, seed %i, %s",
      (seed, encoding) => runProgram(node ?? "node", seed, encoding),
      60_000,
    );
  });

  describe.skipIf(!hasChromium)("", () => {
    const openPage = browserForTests();
    test.each(cases)(
      "in Chromium, seed %i, %s",
      async (seed, encoding) => {
        const ready = Promise.withResolvers<void>();
        const site = serveProject(project, () => ready.resolve());
        const { page, faults, close } = await openPage(`${site.url}`);
        const report = page.evaluate(
          async ([url, name]) => {
            const load = (path: string) => import(path);
            const { connect } = await load("/sdk/client.js");
            const { deflate } = await load("/sdk/deflate.js");
            const { keepLedger } = await load("/ledger.mjs");
            const options = name === "deflate" ? { encoding: deflate } : {};
            return await keepLedger({ connect }, url, options, () => fetch("/ready"));
          },
          [feed.url, encoding] as const,
        );
        await expectAll(seed, ready.promise, report as Promise<Report>);
        expect(faults).toEqual([]);
        await close();
        await site.stop(true);
      },
      60_000,
    );
  });
});

/** The bundle for browsers, as any server of files would serve it. */
function serveProject({ directory, installed }: Project, onReady: () => void) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/ready") onReady();
      if (pathname === "/ledger.mjs") return new Response(Bun.file(join(directory, "source", "ledger.mjs")));
      if (pathname.startsWith("/sdk/")) {
        return new Response(Bun.file(join(installed, "browser", pathname.slice("/sdk/".length))));
      }
      return new Response("<!doctype html><link rel=icon href=data:,>", {
        headers: { "Content-Type": "text/html" },
      });
    },
  });
}

async function* readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
