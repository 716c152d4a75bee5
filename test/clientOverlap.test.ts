// The SDK at a real gateway: subscriptions that cover one another, each from a place of its own, over connections that break.
import { expect, test } from "bun:test";
import { covers } from "@shardcast/protocol/channel";
import { formatCursor, parseCursor } from "@shardcast/protocol/cursor";
import { type Client, connect, type Subscription } from "../packages/client/client.ts";
import { gatewayFixture, STREAM } from "../packages/server/gateway/gateway.fixture.ts";
import { seededDraws } from "./chaos/random.ts";

const CHANNELS = ["a.x", "a.y", "a.b.x", "b"];
const NAMES = [...CHANNELS, "a.*", "a.*", "a.b.*"];

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** One `subscribe` call, with all that it was handed. */
interface Listener {
  readonly name: string;
  readonly subscription: Subscription<number>;
  /** The first offset that it must get; undefined where it begins with what comes next, and is not answered yet. */
  from: number | undefined;
  readonly log: (number | string)[];
}

/** Returns how often something was told to be missing. */
async function run(seed: number): Promise<number> {
  const next = seededDraws(seed);
  const fixture = gatewayFixture({ limits: { replayBufferBytes: [1, 300, 100_000][next(3)] ?? 1 } });
  // The DOM's types stand before the runtime's here, and know no `terminate`.
  const sockets: (WebSocket & { terminate?: () => void })[] = [];
  class Cuttable extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const sent: string[] = [];
  const publish = (): void => {
    const channel = CHANNELS[next(CHANNELS.length)] ?? "b";
    sent[fixture.publish(channel, fixture.published.length)] = channel;
  };
  for (let i = next(30); i > 0; i--) publish();
  const client: Client = connect(fixture.url, { WebSocket: Cuttable, backoff: { minMs: 1, maxMs: 2 } });
  const listeners: Listener[] = [];
  let notRecovered = 0;
  const subscribe = (name: string, since: number | undefined): void => {
    const log: (number | string)[] = [];
    const handler = ({ cursor, snapshot }: { readonly cursor: string; readonly snapshot?: boolean }) => {
      if (snapshot !== true) log.push(parseCursor(cursor)?.offset ?? -1);
    };
    const position = since === -1 ? "m" : formatCursor(STREAM, since ?? 0);
    const subscription = client.subscribe<number>(name, handler, {
      ...(since !== undefined && { since: position }),
      onGap: ({ reason }) => {
        notRecovered += 1;
        log.push(reason);
        // What is published from here on must come.
        listener.from = fixture.published.length;
      },
    });
    const listener: Listener = { name, subscription, from: since === undefined ? undefined : since + 1, log };
    subscription.ready.then(
      () => {
        listener.from ??= fixture.published.length;
      },
      () => {},
    );
    listeners.push(listener);
  };
  try {
    for (let step = 0; step < 25; step++) {
      const name = NAMES[next(NAMES.length)] ?? "b";
      const known = listeners.findIndex((listener) => listener.name === name);
      if (known === -1) subscribe(name, next(3) === 0 ? undefined : next(sent.length + 1) - 1);
      else if (next(3) === 0) {
        const [gone] = listeners.splice(known, 1);
        gone?.subscription.unsubscribe();
      }
      if (next(5) === 0) sockets.at(-1)?.terminate?.();
      for (let i = next(8); i > 0; i--) {
        if (next(2) === 0) publish();
        else if (next(3) === 0) await Bun.sleep(1);
        else await turn();
      }
    }
    await Promise.all(listeners.map(({ subscription }) => subscription.ready));
    for (let i = 5; i > 0; i--) publish();
    const matches = ({ name }: Listener, channel: string) => name === channel || covers(name, channel);
    const owed = (listener: Listener) =>
      sent.flatMap((channel, offset) =>
        offset >= (listener.from ?? Number.POSITIVE_INFINITY) && matches(listener, channel) ? [offset] : [],
      );
    const missing = (listener: Listener) => owed(listener).filter((offset) => !listener.log.includes(offset));
    for (let waits = 0; waits < 10_000 && listeners.some((each) => missing(each).length > 0); waits++)
      await Bun.sleep(1);
    for (const listener of listeners) {
      const { name, from, log } = listener;
      expect({ name, from, log, missing: missing(listener) }).toEqual({ name, from, log, missing: [] });
    }
    return notRecovered;
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    await client.close();
    await fixture.close();
  }
}

test("whatever covers what, each subscription gets all that it asked for, or is told that it does not", async () => {
  let notRecovered = 0;
  for (let seed = 1; seed <= 40; seed++) notRecovered += await run(seed);
  expect(notRecovered).toBeGreaterThan(20);
}, 120_000);
