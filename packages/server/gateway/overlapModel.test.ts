import { expect, test } from "bun:test";
import { covers } from "@shardcast/protocol/channel";
import { formatCursor, parseCursor } from "@shardcast/protocol/cursor";
import { parseMark } from "@shardcast/protocol/mark";
import type { SubscribedChannel } from "@shardcast/protocol/messages";
import { seededDraws } from "../../../test/chaos/random.ts";
import { ENCODINGS, gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";

const CHANNELS = ["a.x", "a.y", "a.b.x", "a.b.y", "b"];
const NAMES = [...CHANNELS, "a.*", "a.*", "a.b.*", "b.*"];

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Tally {
  recovered: number;
  notRecovered: number;
  /** These where nothing had come. */
  unsure: number;
}

function unreachable(): never {
  throw new Error("no such client");
}

/** Clients that ask for what they have, for what covers it and for what it covers, from all positions, and leave it again. */
async function run(seed: number): Promise<Tally> {
  const next = seededDraws(seed);
  const fixture = gatewayFixture({
    encoding: ENCODINGS[seed % 2] ?? "plain",
    history: { messagesMax: [3, 1000][next(2)] ?? 3, bytesMax: [8192, 1 << 20][next(2)] ?? 8192 },
    limits: { replayBufferBytes: [1, 300, 100_000][next(3)] ?? 1, waitingRequestsMax: 1000 },
    // Who has seen more than this shard waits until that is there, or joins ahead of it.
    replay: { behindMsMax: next(2) * 5000 },
  });
  // Some of what is asked for is refused for now then.
  fixture.hub.room.max = [12, Number.POSITIVE_INFINITY][next(2)] ?? 12;
  const total = 100 + next(100);
  fixture.logAhead.next = total;
  const sent: string[] = [];
  const publish = (): void => {
    if (fixture.published.length === total) return;
    const channel = CHANNELS[next(CHANNELS.length)] ?? "b";
    sent[fixture.publish(channel, fixture.published.length)] = channel;
  };
  const tally: Tally = { recovered: 0, notRecovered: 0, unsure: 0 };
  /** With each, by request, the last offset that it said it had seen. */
  const clients: { client: RawClient; asked: Map<number, number | undefined> }[] = [];
  try {
    for (let i = next(60); i > 0; i--) publish();
    // All before the first asks: who has no room for subscriptions lets nobody in.
    for (let i = 0; i < 6; i++) clients.push({ client: await RawClient.open(fixture.url), asked: new Map() });
    for (let id = 1; id <= 48; id++) {
      const { client, asked } = clients[next(6)] ?? unreachable();
      const channels = Array.from({ length: 1 + next(3) }, () => NAMES[next(NAMES.length)] ?? "b");
      const since = next(3) === 0 ? undefined : next(Math.min(total, fixture.published.length + 4) + 1) - 1;
      if (next(4) === 0) client.send({ type: "unsubscribe", id, channels });
      else {
        asked.set(id, since);
        const position = since === -1 ? "m" : formatCursor(STREAM, since ?? 0);
        client.send({ type: "subscribe", id, channels, ...(since !== undefined && { since: position }) });
      }
      for (let steps = next(6); steps > 0; steps--) {
        if (next(2) === 0) publish();
        else await (next(3) === 0 ? client.ask({ type: "ping", id: 100 + id }) : turn());
      }
    }
    while (fixture.published.length < total) {
      for (let burst = next(10); burst > 0; burst--) publish();
      await turn();
    }
    for (const { client, asked } of clients) {
      await client.until(
        () => asked.size <= client.received.filter(({ type }) => type === "subscribed").length,
      );
      // One more round trip, behind which nothing that was sent twice could still come.
      await client.ask({ type: "ping", id: 1000 });
      check(client, asked, sent, tally);
    }
    return tally;
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    for (const { client } of clients) client.close();
    await fixture.close();
  }
}

/** Goes over all that a client has received: what was promised has come, nothing twice, and each channel in its order. */
function check(
  client: RawClient,
  asked: ReadonlyMap<number, number | undefined>,
  sent: readonly string[],
  tally: Tally,
): void {
  /** For each name the offset from which on its messages were promised. */
  const promised = new Map<string, number>();
  /** The offsets that have come by what is subscribed. */
  const got = new Set<number>();
  /** As of the answer before. */
  let gotBefore: ReadonlySet<number> = new Set();
  const matches = (name: string, channel: string) => name === channel || covers(name, channel);
  const isHad = (channel: string) => [...promised.keys()].some((name) => matches(name, channel));
  const missing = (name: string, from: number, to: number) => {
    const offsets: number[] = [];
    for (let offset = from; offset < to; offset++) {
      if (matches(name, sent[offset] ?? "") && !got.has(offset)) offsets.push(offset);
    }
    return offsets;
  };
  const answered = (
    { channel, recovered, error }: SubscribedChannel,
    { since, end, had }: { since: number | undefined; end: number; had: ReadonlySet<string> },
  ) => {
    if (error !== undefined) return;
    if (since !== undefined) {
      const lacks = missing(channel, since + 1, end);
      /** Of what the connection had already, and so is not sent for this. */
      const held: number[] = [];
      for (let offset = since + 1; offset < end; offset++) {
        const name = sent[offset] ?? "";
        if (matches(channel, name) && had.has(name)) held.push(offset);
      }
      tally[recovered === true ? "recovered" : "notRecovered"] += 1;
      if (recovered === true) {
        const cameBefore = held.filter((offset) => gotBefore.has(offset));
        expect({ channel, since, lacks, cameBefore }).toEqual({ channel, since, lacks: [], cameBefore: [] });
      }
      // Of what is had as a whole nobody waits for the shard, or reads the log.
      else if (!had.has(channel))
        expect({ channel, since, isAny: held.length > 0 }).toMatchObject({ isAny: true });
      else if (held.length === 0) tally.unsure += 1;
    }
    const from = since === undefined || recovered !== true ? end : since + 1;
    promised.set(channel, Math.min(from, promised.get(channel) ?? from));
  };
  for (const each of client.received) {
    if (each.type === "message" && each.snapshot !== true) {
      const offset = parseCursor(each.cursor)?.offset ?? -1;
      const later = [...got].filter((other) => other >= offset && sent[other] === each.channel);
      expect({ offset, later }).toEqual({ offset, later: [] });
      got.add(offset);
    } else if (each.type === "subscribed") {
      const end = parseMark(each.mark)?.get(STREAM) ?? 0;
      const had = new Set(NAMES.filter((name) => isHad(name)));
      for (const channel of each.channels) answered(channel, { since: asked.get(each.id), end, had });
      gotBefore = new Set(got);
    } else if (each.type === "unsubscribed") {
      for (const name of each.channels) promised.delete(name);
      for (const offset of got) {
        if (!isHad(sent[offset] ?? "")) got.delete(offset);
      }
    }
  }
  for (const [name, from] of promised) {
    expect({ name, from, lacks: missing(name, from, sent.length) }).toEqual({ name, from, lacks: [] });
  }
}

test("whatever covers what from wherever it is resumed, what is said to have recovered has come, once and in order", async () => {
  const sum: Tally = { recovered: 0, notRecovered: 0, unsure: 0 };
  for (let seed = 1; seed <= 150; seed++) {
    const tally = await run(seed);
    sum.recovered += tally.recovered;
    sum.notRecovered += tally.notRecovered;
    sum.unsure += tally.unsure;
  }
  expect(sum.recovered).toBeGreaterThan(500);
  expect(sum.notRecovered).toBeGreaterThan(200);
  expect(sum.unsure).toBeLessThan(sum.notRecovered / 10);
}, 120_000);
