// The browser's own network and events: a page that is offline makes no attempt, and comes back when there is a reason to.
import { describe, expect, test } from "bun:test";
import { browserForTests, hasChromium } from "./browser.fixture.ts";
import { closedAfterEach } from "./closing.fixture.ts";
import { startInstance } from "./instance.fixture.ts";
import { servePage } from "./page.fixture.ts";
import { startTcpProxy } from "./services/tcpProxy.ts";

const closedLater = closedAfterEach();

/** Runs in the page. A name of this machine that does not look like one, so that being offline counts. */
const PAGE = `
import { connect } from "@shardcast/client";
const state = { isSubscribed: false, attempts: 0, errors: [], got: [], delays: [] };
globalThis.state = state;
class Counting extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    state.attempts++;
  }
}
// The first wait is long, the others are short.
const draws = [0.9];
const client = connect("ws://feed.localhost:" + new URLSearchParams(location.search).get("port") + "/ws", {
  WebSocket: Counting,
  backoff: { minMs: Number(new URLSearchParams(location.search).get("minMs")) },
  random: () => draws.pop() ?? 0.0001,
  onError: ({ message }) => state.errors.push(message),
});
client.on("reconnect", ({ delayMs }) => state.delays.push(delayMs));
const { ready } = client.subscribe("a", ({ data }) => state.got.push(data));
ready.then(() => (state.isSubscribed = true));
`;

describe.skipIf(!hasChromium)("in Chromium", () => {
  const openPage = browserForTests();

  async function start(minMs: number) {
    const instance = await startInstance(["--shards", "1", "--log-level", "error"]);
    closedLater({ close: () => instance.end() });
    const proxy = closedLater(await startTcpProxy({ port: instance.port }));
    const site = closedLater(await servePage(PAGE));
    const opened = closedLater(await openPage(`${site.url}/?port=${proxy.port}&minMs=${minMs}`));
    const { page } = opened;
    const until = (condition: string) => page.waitForFunction(condition);
    // From here on nothing is missed; a connection that is cut before the answer has no position to resume from.
    await until("state.isSubscribed");
    const publish = (data: number) => instance.publish({ channel: "a", data });
    return { proxy, page, until, publish };
  }

  test("offline there is no attempt, and with the network what was missed comes", async () => {
    const { proxy, page, until, publish } = await start(20);
    await publish(1);
    await until("state.got.length === 1");
    await page.context().setOffline(true);
    proxy.cut();
    // The attempt was due, and was not made.
    await until('state.errors.some((message) => message.endsWith("offline"))');
    await publish(2);
    expect(await page.evaluate("state.attempts")).toBe(1);
    await page.context().setOffline(false);
    await until("state.got.length === 2");
    expect(await page.evaluate("[state.got, state.attempts]")).toEqual([[1, 2], 2]);
  }, 60_000);

  test("a page that is looked at again does not wait any longer", async () => {
    const { proxy, page, until, publish } = await start(60_000);
    proxy.cut();
    await until("state.delays.length === 1");
    expect(await page.evaluate("state.delays[0]")).toBe(27_000);
    await publish(1);
    // As Chromium does it when a tab comes to the front; a browser without a window has none at its back.
    await page.evaluate('document.dispatchEvent(new Event("visibilitychange"))');
    await until("state.got.length === 1");
  }, 60_000);
});
