// The SDK with `encoding: deflate` in a real browser, with the browser's own WebSocket and DecompressionStream.
import { afterEach, describe, expect, test } from "bun:test";
import { startInstance } from "./instance.fixture.ts";
import { chromiumProgram, openPage } from "./services/chromiumPage.ts";

const program = chromiumProgram();
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

interface Report {
  readonly got: readonly number[];
  readonly binaryFrames: number;
  readonly errors: readonly string[];
}

const MESSAGES = 600;

/** Runs in the page: it subscribes, and tells what it got once that is all. */
const PAGE = `
import { connect } from "@shardcast/client";
import { deflate } from "@shardcast/client/deflate";
const query = new URLSearchParams(location.search);
if (query.get("inflates") === "no") delete globalThis.DecompressionStream;
let binaryFrames = 0;
class Counting extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    this.addEventListener("message", ({ data }) => { if (typeof data !== "string") binaryFrames++; });
  }
}
const got = [];
const errors = [];
const client = connect(query.get("server"), {
  encoding: deflate,
  WebSocket: Counting,
  onError: (error) => errors.push(error.message),
});
const take = ({ data }) => {
  got.push(data);
  if (got.length === ${MESSAGES}) fetch("/report", { method: "POST", body: JSON.stringify({ got, binaryFrames, errors }) });
};
const subscriptions = [client.subscribe("a.*", take), client.subscribe("b", take)];
await Promise.all(subscriptions.map(({ ready }) => ready));
await fetch("/ready", { method: "POST" });
`;

async function servePage() {
  const entry = "page.ts";
  const build = await Bun.build({
    entrypoints: [entry],
    target: "browser",
    plugins: [
      {
        name: "the page",
        setup(builder) {
          builder.onResolve({ filter: /^page\.ts$/ }, () => ({ path: entry, namespace: "page" }));
          builder.onLoad({ filter: /.*/, namespace: "page" }, () => ({ contents: PAGE, loader: "ts" }));
          builder.onResolve({ filter: /^@shardcast\/client/ }, ({ path }) => ({
            path: new URL(`../packages/client/${path.split("/")[2] ?? "client"}.ts`, import.meta.url)
              .pathname,
          }));
        },
      },
    ],
  });
  const script = await build.outputs[0]?.text();
  const ready = Promise.withResolvers<void>();
  const report = Promise.withResolvers<Report>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/ready") ready.resolve();
      if (pathname === "/report") report.resolve((await request.json()) as Report);
      const headers = { "Content-Type": "text/html" };
      return new Response(`<script type="module">${script}</script>`, { headers });
    },
  });
  open.push({ close: () => server.stop(true) });
  return { url: `http://127.0.0.1:${server.port}`, ready: ready.promise, report: report.promise };
}

describe.skipIf(program === undefined)("in Chromium", () => {
  test.each([
    ["with", "yes"],
    ["without", "no"],
  ])(
    "a page gets everything in order %s the browser's inflating",
    async (_, inflates) => {
      const instance = await startInstance(["--shards", "1", "--log-level", "error"]);
      open.push({ close: () => instance.end() });
      const page = await servePage();
      const query = new URLSearchParams({ server: instance.url, inflates });
      open.push(await openPage(program ?? "chromium", `${page.url}/?${query}`));
      await page.ready;
      for (let next = 0; next < MESSAGES; ) {
        const items = Array.from({ length: 60 }, () => ({
          channel: ["a.x", "a.y", "b"][next % 3],
          data: next++,
        }));
        await fetch(`${instance.admin}/api/publish`, { method: "POST", body: JSON.stringify(items) });
      }
      const { got, binaryFrames, errors } = await page.report;
      expect(got).toEqual(Array.from({ length: MESSAGES }, (_, i) => i));
      expect(errors).toEqual([]);
      if (inflates === "yes") expect(binaryFrames).toBeGreaterThan(0);
      else expect(binaryFrames).toBe(0);
    },
    60_000,
  );
});
