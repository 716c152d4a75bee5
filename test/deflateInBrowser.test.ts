// The SDK with `encoding: deflate` in a real browser, with the browser's own WebSocket and DecompressionStream.
import { describe, expect, test } from "bun:test";
import { closedAfterEach } from "./closing.fixture.ts";
import { startInstance } from "./instance.fixture.ts";
import { chromium, openTestPage } from "./page.fixture.ts";

const closedLater = closedAfterEach();

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
  if (got.length === ${MESSAGES}) tell("report", { got, binaryFrames, errors });
};
const subscriptions = [client.subscribe("a.*", take), client.subscribe("b", take)];
await Promise.all(subscriptions.map(({ ready }) => ready));
tell("ready");
`;

describe.skipIf(chromium === undefined)("in Chromium", () => {
  test.each([
    ["with", "yes"],
    ["without", "no"],
  ])(
    "a page gets everything in order %s the browser's inflating",
    async (_, inflates) => {
      const instance = await startInstance(["--shards", "1", "--log-level", "error"]);
      closedLater({ close: () => instance.end() });
      const page = closedLater(await openTestPage(PAGE, { server: instance.url, inflates }));
      await page.told("ready");
      for (let next = 0; next < MESSAGES; ) {
        const items = Array.from({ length: 60 }, () => ({
          channel: ["a.x", "a.y", "b"][next % 3] ?? "",
          data: next++,
        }));
        await instance.publish(...items);
      }
      const { got, binaryFrames, errors } = await page.told<Report>("report");
      expect(got).toEqual(Array.from({ length: MESSAGES }, (_, i) => i));
      expect(errors).toEqual([]);
      if (inflates === "yes") expect(binaryFrames).toBeGreaterThan(0);
      else expect(binaryFrames).toBe(0);
    },
    60_000,
  );
});
