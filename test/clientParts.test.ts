// What the SDK loads only where an option needs it, in a real browser: from a server that does not have it at first.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatMark } from "@shardcast/protocol/mark";
import { ScriptedServer } from "../packages/client/server.fixture.ts";
import { bundle } from "../scripts/clientPackage.ts";
import { browserForTests, hasChromium } from "./browser.fixture.ts";

const open: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Runs in the page. */
const PAGE = `<!doctype html><link rel=icon href=data:,><script type="module">
import { connect } from "/client.js";
const state = { errors: [], plans: [], got: [] };
globalThis.state = state;
const server = new URLSearchParams(location.search).get("server");
let asked = 0;
state.client = connect([server, server], {
  token: () => "token-" + ++asked,
  backoff: { minMs: 20, maxMs: 40 },
  connectTimeoutMs: 100,
  onError: ({ code, message }) => state.errors.push(code + " " + message),
});
state.client.on("reconnect", (plan) => state.plans.push(plan));
state.client.subscribe("a", ({ data }) => state.got.push(data));
</script>`;

describe.skipIf(!hasChromium)("in Chromium", () => {
  const openPage = browserForTests();

  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "shardcast-parts-"));
    await bundle(directory);
  }, 120_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** `answer` is how the server of files answers the request for that part, absent as it should. */
  async function start(answer: {
    access?: (() => Promise<Response>) | undefined;
    mark?: () => Promise<Response>;
  }) {
    const feed = new ScriptedServer();
    open.push(() => feed.stop());
    const asked = { access: 0, mark: 0 };
    const site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/") return new Response(PAGE, { headers: { "Content-Type": "text/html" } });
        for (const part of ["access", "mark"] as const) {
          if (pathname !== `/${part}.js`) continue;
          asked[part]++;
          if (answer[part]) return answer[part]();
        }
        return new Response(Bun.file(join(directory, pathname)));
      },
    });
    open.push(() => site.stop(true));
    const { page, close } = await openPage(`${site.url}?${new URLSearchParams({ server: feed.url })}`);
    open.push(close);
    return { feed, page, asked: (part: keyof typeof asked) => asked[part] };
  }

  test("that it can not be loaded is told, and tried again until it can; nothing is lost by that", async () => {
    const answer: Parameters<typeof start>[0] = { access: async () => new Response("gone", { status: 503 }) };
    const { feed, page, asked } = await start(answer);
    await page.waitForFunction("state.plans.length > 2");
    expect(asked("access")).toBeGreaterThan(2);
    const errors = (await page.evaluate("state.errors")) as string[];
    // Told once.
    expect(errors).toEqual([expect.stringMatching(/^connect_failed ws:.*access\.js/)]);
    expect(feed.connections.left).toBe(0);
    answer.access = undefined;
    const peer = await feed.connections.next();
    expect(peer.protocols).toEndWith("shardcast.token.token-1");
    await peer.acceptNext("m1");
    peer.message("a", "sssssss:1");
    await page.waitForFunction("state.got.length === 1");
    // It is there from now on, whatever becomes of the server that it came from.
    answer.access = async () => new Response("gone", { status: 503 });
    const loaded = asked("access");
    peer.cut();
    const again = await feed.connections.next();
    expect(again.protocols).toEndWith("shardcast.token.token-2");
    expect((await again.subscribes.next()).since).toEqual(["m1", "sssssss:1"]);
    expect(asked("access")).toBe(loaded);
  }, 60_000);

  test("that it takes long is told, and the client connects when it has come", async () => {
    const held = Promise.withResolvers<void>();
    const answer: Parameters<typeof start>[0] = { access: undefined };
    answer.access = async () => {
      await held.promise;
      return new Response("gone", { status: 503 });
    };
    const { feed, page } = await start(answer);
    await page.waitForFunction('state.errors[0]?.endsWith("code not loaded")');
    expect(feed.connections.left).toBe(0);
    answer.access = undefined;
    held.resolve();
    await feed.connections.next();
  }, 60_000);

  test("a client that is closed meanwhile opens no connection", async () => {
    const held = Promise.withResolvers<void>();
    const answer: Parameters<typeof start>[0] = { access: undefined };
    const asked = Promise.withResolvers<void>();
    answer.access = async () => {
      asked.resolve();
      await held.promise;
      return new Response("export const createAccess = () => { throw new Error('closed already'); }", {
        headers: { "Content-Type": "text/javascript" },
      });
    };
    const { feed, page } = await start(answer);
    await asked.promise;
    await page.evaluate("state.client.close()");
    held.resolve();
    await page.evaluate('import("/access.js").then(() => {})');
    expect(await page.evaluate("[state.client.status, state.plans.length]")).toEqual(["closed", 0]);
    expect(feed.connections.left).toBe(0);
  }, 60_000);

  test("positions of many streams go out as they are until what shortens them has come, which is tried again", async () => {
    const answer: Parameters<typeof start>[0] = { mark: async () => new Response("gone", { status: 503 }) };
    const { feed, page, asked } = await start(answer);
    const streams = Array.from({ length: 256 }, (_, at) => `stre${at}`.padEnd(7, "x"));
    const seen = new Map(streams.map((stream) => [stream, 8]));
    const peer = await feed.connections.next();
    await peer.acceptNext(formatMark([]));
    for (const stream of streams) peer.message("a", `${stream}:6`);
    // It is asked for together with a fresh mark.
    await peer.pings.next();
    await page.waitForFunction(() =>
      performance.getEntriesByType("resource").some(({ name }) => name.endsWith("mark.js")),
    );
    expect(asked("mark")).toBe(1);
    peer.cut();
    const again = await feed.connections.next();
    delete answer.mark;
    const { since } = await again.acceptNext(formatMark([]));
    expect(since).toEqual([formatMark([]), ...streams.map((stream) => `${stream}:6`)]);
    for (const stream of streams) again.message("a", `${stream}:7`);
    await again.pings.next();
    await page.evaluate('import("/mark.js").then(() => {})');
    expect(asked("mark")).toBe(2);
    again.cut();
    const last = await feed.connections.next();
    expect((await last.subscribes.next()).since).toEqual([formatMark(seen)]);
  }, 60_000);
});
