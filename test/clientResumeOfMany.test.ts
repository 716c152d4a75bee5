// The SDK at a real gateway: a resume that takes several requests, over connections that break, also in the midst of it.
import { expect, test } from "bun:test";
import { covers } from "@shardcast/protocol/channel";
import { parseCursor } from "@shardcast/protocol/cursor";
import { BATCH_CHANNELS_MAX } from "../packages/client/batches.ts";
import { connect } from "../packages/client/client.ts";
import { gatewayFixture } from "../packages/server/gateway/gateway.fixture.ts";
import { seededDraws } from "./chaos/random.ts";

const CHANNELS = ["a.x", "a.y", "a.b.x", "c"];
const PATTERNS = ["a.*", "a.b.*"];

/** Returns how many resumes broke off. */
async function run(seed: number): Promise<number> {
  const next = seededDraws(seed);
  const replayBufferBytes = [1, 300, 100_000][next(3)] ?? 1;
  const fixture = gatewayFixture({ limits: { replayBufferBytes, subscriptionsMax: 1000 } });
  // The DOM's types stand before the runtime's here, and know no `terminate`.
  const sockets: (WebSocket & { terminate?: () => void })[] = [];
  class Cuttable extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const client = connect(fixture.url, { WebSocket: Cuttable, backoff: { minMs: 1, maxMs: 2 } });
  const gaps: string[] = [];
  client.on("gap", ({ channel }) => gaps.push(channel));
  const logs = new Map<string, number[]>();
  const listen = (name: string) => {
    const log: number[] = [];
    logs.set(name, log);
    return client.subscribe(name, ({ cursor }) => log.push(parseCursor(cursor)?.offset ?? -1)).ready;
  };
  const sent: string[] = [];
  const publish = (): void => {
    const channel = CHANNELS[next(CHANNELS.length)] ?? "c";
    sent[fixture.publish(channel, sent.length)] = channel;
  };
  const owed = (name: string) =>
    sent.flatMap((channel, offset) => (name === channel || covers(name, channel) ? [offset] : []));
  const isDone = () => [...logs].every(([name, log]) => log.length >= owed(name).length);
  try {
    const readies = PATTERNS.filter(() => next(3) > 0).map(listen);
    // Patterns come first. What is asked for behind these is in another request.
    for (let i = next(20); i < BATCH_CHANNELS_MAX; i++)
      readies.push(client.subscribe(`f${i}`, () => {}).ready);
    readies.push(...CHANNELS.filter(() => next(4) > 0).map(listen));
    await Promise.all(readies);
    let broken = 0;
    for (let breaks = 1 + next(4); breaks > 0; breaks--) {
      for (let i = next(12); i > 0; i--) publish();
      const opened = sockets.length;
      sockets.at(-1)?.terminate?.();
      for (let i = next(12); i > 0; i--) publish();
      while (sockets.length === opened) await Bun.sleep(0);
      // Some break before they have resumed, some after that.
      for (let waits = next(40); waits > 0; waits--)
        await new Promise<void>((resolve) => setImmediate(resolve));
      if (!isDone()) broken += 1;
    }
    publish();
    for (let waits = 0; waits < 5000 && !isDone(); waits++) await Bun.sleep(1);
    // What comes too often would come by then, too.
    await new Promise<void>((resolve) => {
      const { ready } = client.subscribe("last", () => {});
      void ready.then(() => resolve());
    });
    expect({ gaps, logs: [...logs] }).toEqual({
      gaps: [],
      logs: [...logs.keys()].map((name) => [name, owed(name)]),
    });
    return broken;
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    await client.close();
    await fixture.close();
  }
}

test("all that was missed comes once and in order, and nothing is told to be missing", async () => {
  let broken = 0;
  for (let seed = 1; seed <= 20; seed++) broken += await run(seed);
  expect(broken).toBeGreaterThan(5);
}, 60_000);
