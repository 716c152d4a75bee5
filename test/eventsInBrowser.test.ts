// Event streams with the EventSource of a real browser: how it resumes is the browser's own doing.
import { describe, expect, test } from "bun:test";
import { closedAfterEach } from "./closing.fixture.ts";
import { startInstance } from "./instance.fixture.ts";
import { chromium, openTestPage } from "./page.fixture.ts";
import { startTcpProxy } from "./services/tcpProxy.ts";

const closedLater = closedAfterEach();

interface Report {
  readonly got: Readonly<Record<string, readonly number[]>>;
  /** Whether each answer said that it goes on where the last one ended. */
  readonly recovered: readonly boolean[];
  readonly gaps: number;
  readonly errors: number;
}

const CHANNELS = ["a.x", "a.y", "b"];
const MESSAGES = 900;

/** Runs in the page: listens until it is told that this is the end. */
const PAGE = `
const source = new EventSource(new URLSearchParams(location.search).get("events"));
const got = { "a.x": [], "a.y": [], b: [] };
const recovered = [];
let gaps = 0, errors = 0, count = 0;
source.onmessage = ({ data }) => {
  const { channel, data: number } = JSON.parse(data);
  if (number === "end") {
    source.close();
    tell("report", { got, recovered, gaps, errors });
    return;
  }
  got[channel].push(number);
  if (++count % 100 === 0) tell("count-" + count);
};
source.addEventListener("subscribed", ({ data }) => {
  recovered.push(JSON.parse(data).channels.every(({ recovered }) => recovered));
  tell("subscribed-" + recovered.length);
});
source.addEventListener("gap", () => gaps++);
source.onerror = () => errors++;
`;

describe.skipIf(chromium === undefined)("in Chromium", () => {
  test("an EventSource whose connection is cut resumes by itself, and gets each message once and in order", async () => {
    const instance = await startInstance(["--shards", "2", "--log-level", "error"]);
    closedLater({ close: () => instance.end() });
    const proxy = closedLater(await startTcpProxy({ port: instance.port }));
    const events = `http://127.0.0.1:${proxy.port}/sse?channels=a.*,b`;
    const page = closedLater(await openTestPage(PAGE, { events }));
    await page.told("subscribed-1");
    let next = 0;
    const publish = (count: number) =>
      instance.publish(
        ...Array.from({ length: count }, () => ({ channel: CHANNELS[next % 3] ?? "", data: next++ })),
      );
    for (const answer of [2, 3, 4]) {
      await publish(100);
      await page.told(`count-${next}`);
      // Some is under way as the connection is cut, and some comes while there is none.
      const underWay = publish(100);
      proxy.cut();
      await underWay;
      await publish(100);
      await page.told(`subscribed-${answer}`);
    }
    // Whatever came twice would come before it.
    await instance.publish({ channel: "b", data: "end" });
    const { got, recovered, gaps, errors } = await page.told<Report>("report");
    for (const [index, channel] of CHANNELS.entries()) {
      expect(got[channel]).toEqual(Array.from({ length: MESSAGES / 3 }, (_, i) => 3 * i + index));
    }
    expect({ recovered, gaps, errors }).toEqual({ recovered: [true, true, true, true], gaps: 0, errors: 3 });
  }, 60_000);
});
