import { expect, test } from "bun:test";
import { formatCursor } from "@shardcast/protocol/cursor";
import { seededDraws } from "../../../test/chaos/random.ts";
import { ENCODINGS, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";

const CHANNELS = ["a.x", "a.y", "b"];
const PATTERNS: readonly (readonly string[])[] = [["a.x"], ["a.*"], ["b", "a.y"], ["a.*", "a.x", "b"]];

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The log has more than the shard has delivered; clients come from all positions, and go on while more comes. */
async function run(seed: number): Promise<number> {
  const next = seededDraws(seed);
  // Some wait until the shard is there; others join ahead of it, and it publishes past them.
  const behindMsMax = next(2) * 5000;
  const fixture = gatewayFixture({
    encoding: ENCODINGS[seed % 2] ?? "plain",
    // Small, so that entries are dropped during passes, and pieces are many.
    history: { messagesMax: [3, 20, 1000][next(3)] ?? 3 },
    limits: { replayBufferBytes: [1, 300, 100_000][next(3)] ?? 1 },
    replay: { behindMsMax },
  });
  const sent: string[] = [];
  const channelOf = (offset: number) => (sent[offset] ??= CHANNELS[next(CHANNELS.length)] ?? "b");
  const total = 60 + next(100);
  fixture.logAhead.next = total;
  const publish = (): void => {
    const offset = fixture.published.length;
    if (offset < total) fixture.publish(channelOf(offset), offset);
  };
  let joinedAhead = 0;
  const clients: { client: RawClient; from: number; asked: readonly string[] }[] = [];
  try {
    for (let i = next(40); i > 0; i--) publish();
    for (let i = 0; i < 12; i++) {
      const client = await RawClient.open(fixture.url);
      const from = next(Math.min(total, fixture.published.length + 20));
      const asked = PATTERNS[next(PATTERNS.length)] ?? ["b"];
      clients.push({ client, from, asked });
      client.send({
        type: "subscribe",
        id: 1,
        channels: asked,
        since: [formatCursor(STREAM, from)],
      });
      for (let steps = next(12); steps > 0; steps--) {
        if (next(2) === 0) publish();
        else await (next(4) === 0 ? client.ask({ type: "ping", id: 3 }) : turn());
      }
    }
    if (behindMsMax === 0) {
      // The shard stands still until all of them have been looked after.
      const { counters } = fixture;
      while (counters.resumed + counters.notRecovered < clients.length) await turn();
      joinedAhead = fixture.hub.ahead.size;
    }
    while (fixture.published.length < total) {
      for (let burst = next(10); burst > 0; burst--) publish();
      await turn();
    }
    for (const { client, from, asked } of clients) {
      const expected: number[] = [];
      for (let offset = from + 1; offset < total; offset++) {
        const channel = channelOf(offset);
        const isWanted = asked.includes(channel) || (channel.startsWith("a.") && asked.includes("a.*"));
        if (isWanted) expected.push(offset);
      }
      const answer = () => client.received.find((each) => each.type === "subscribed");
      await client.until(() => answer() !== undefined && client.data.length >= expected.length);
      // One more round trip, behind which nothing that was sent twice could still come.
      await client.ask({ type: "ping", id: 2 });
      expect(answer()).toMatchObject({ channels: asked.map(() => ({ recovered: true })) });
      expect({ seed, from, asked, got: client.data }).toEqual({ seed, from, asked, got: expected });
    }
    return joinedAhead;
  } finally {
    for (const { client } of clients) client.close();
    await fixture.close();
  }
}

test("whatever the interleaving, each client gets what it has not seen once, in order and whole", async () => {
  let joinedAhead = 0;
  for (let seed = 1; seed <= 120; seed++) joinedAhead += await run(seed);
  expect(joinedAhead).toBeGreaterThan(20);
}, 120_000);
