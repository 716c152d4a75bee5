import { expect, test } from "bun:test";
import { formatCursor } from "@shardcast/protocol/cursor";
import { joinSince } from "@shardcast/protocol/mark";
import { seededDraws } from "../../../test/chaos/random.ts";
import { Hub } from "../hub/hub.ts";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import type { Publication } from "../publication.ts";
import { HeldChannels } from "./heldChannels.ts";
import { HistoryPass } from "./historyPass.ts";
import { Replay } from "./replay.ts";
import { WantedChannels } from "./wantedChannels.ts";

const LIMITS = { recordsMax: 1e6, bytesMax: 1e9, ageMsMax: 1e12, readBytesMax: 1e6, behindMsMax: 5000 };
const STREAMS = ["stream0", "stream1"];
const CHANNELS = ["a.x", "a.y", "b", "c"];

/** Between any two steps of a replay history may go on, drop entries, or be let go of. Returns how often a pass ended, or had to begin anew. */
async function run(seed: number): Promise<number> {
  const next = seededDraws(seed);
  const history = {
    messagesMax: [2, 5, 1000][next(3)] ?? 2,
    // Less than what is published: whole segments go.
    bytesMax: [12_000, 1 << 20][next(2)] ?? 12_000,
    ageMsMax: 1e12,
    lastValueBytesMax: 1 << 18,
  };
  const hub = new Hub(history, () => {});
  const logs = new Map<string, Publication[]>(STREAMS.map((streamId) => [streamId, []]));
  for (const streamId of STREAMS) hub.open(streamId, 0);
  const publish = (): void => {
    const streamId = STREAMS[next(2)] ?? "stream0";
    const published = logs.get(streamId) ?? [];
    const channel = CHANNELS[next(CHANNELS.length)] ?? "b";
    const text = JSON.stringify({
      streamId,
      offset: published.length,
      channel,
      filler: "f".repeat(next(300)),
    });
    const publication = {
      offset: published.length,
      timestampMs: 0,
      channel,
      envelope: new TextEncoder().encode(text),
    };
    published.push(publication);
    hub.deliver(streamId, [publication], publication.offset);
  };
  const read = async ({ streamId, after, through }: RangeRequest): Promise<RangeResult> => {
    // Often less than was asked for.
    const end = Math.min(through, after + 1 + next(20));
    const publications = (logs.get(streamId) ?? []).slice(after + 1, end + 1);
    return { kind: "read", publications, through: end };
  };
  for (let i = next(100); i >= 0; i--) publish();
  const asked = [["a.*"], ["a.x", "c"], ["a.*", "b", "c"]][next(3)] ?? ["b"];
  const starts = STREAMS.map((streamId) =>
    Math.floor(next((logs.get(streamId) ?? []).length + 1) / (1 + next(3))),
  );
  const since = joinSince([
    "m",
    ...starts.flatMap((start, at) => (start > 0 ? [formatCursor(STREAMS[at] ?? "", start - 1)] : [])),
  ]);
  if ("invalid" in since) throw new Error(since.invalid);
  // Some have one of the channels already.
  const already = next(2) === 0 ? ["a.x"] : [];
  const held = HeldChannels.of(asked, already, hub.history.end);
  const ends = STREAMS.map((streamId) => (logs.get(streamId) ?? []).length);
  const wanted = new WantedChannels(asked, already);
  const replay = new Replay({ hub, log: { read }, limits: LIMITS, wanted, held, since, nowMs: 0 });
  const got: string[] = [];
  let drops = 0;
  for (;;) {
    const cursors = replay.cursors;
    const step = replay.step(1 + next(600), () => next(3) === 0);
    if (step.kind === "impossible") throw new Error(`seed ${seed}: impossible`);
    if (step.kind === "read") {
      // Publishing goes on while the log is read.
      for (let i = next(6); i > 0; i--) publish();
      const result = await replay.read(step.stretch, new AbortController().signal);
      got.push(...((result && replay.accept(step.stretch, result)) ?? ["not had"]));
      continue;
    }
    got.push(...step.texts);
    if (step.kind === "finished") break;
    if (cursors > 0 && replay.cursors === 0) drops += 1;
    // Less and less, so that it comes to an end.
    if (next(4) > 0) for (let i = next(Math.max(1, 12 - Math.floor(got.length / 20))); i > 0; i--) publish();
    if (next(10) === 0) replay.release();
  }
  const hasCome = (until: readonly number[]) =>
    held !== undefined &&
    STREAMS.some((streamId, at) =>
      logs
        .get(streamId)
        ?.slice(starts[at], until[at])
        .some(({ channel }) => already.includes(channel)),
    );
  const isTold = (held?.lacking.size ?? 0) > 0;
  if (hasCome(ends)) expect({ seed, isTold }).toEqual({ seed, isTold: true });
  // Where history has lost what came after the request, nobody knows when it came.
  else if (!hasCome([])) expect({ seed, isTold }).toEqual({ seed, isTold: false });
  for (const [at, streamId] of STREAMS.entries()) {
    const expected = (logs.get(streamId) ?? [])
      .slice(starts[at])
      .filter(({ channel }) => wanted.wants(channel));
    const offsets = got.map((text) => JSON.parse(text)).filter((each) => each.streamId === streamId);
    expect({ seed, got: offsets.map(({ offset }) => offset) }).toEqual({
      seed,
      got: expected.map(({ offset }) => offset),
    });
  }
  return drops;
}

test("a replay that is taken in pieces while history goes on and drops entries brings each message once and in order", async () => {
  let drops = 0;
  for (let seed = 1; seed <= 2000; seed++) drops += await run(seed);
  expect(drops).toBeGreaterThan(1000);
}, 60_000);

test("a pass behind which nothing was appended looks at no channel, however many there are", () => {
  const limits = { messagesMax: 10, bytesMax: 1 << 20, ageMsMax: 1e12, lastValueBytesMax: 1 << 18 };
  const hub = new Hub(limits, () => {});
  hub.open("stream0", 0);
  const publish = (offset: number) => {
    const envelope = new Uint8Array(10);
    hub.deliver("stream0", [{ offset, timestampMs: 0, channel: `a.${offset}`, envelope }], offset);
  };
  for (let offset = 0; offset < 1000; offset++) publish(offset);
  const wanted = new WantedChannels(["a.*"], []);
  const pass = (from: number) => new HistoryPass(hub.history, { wanted, streams: new Map(), from });
  // Asked after each batch of channels.
  let batches = 0;
  const count = () => {
    batches += 1;
    return false;
  };
  pass(0).look(count);
  expect(batches).toBeGreaterThan(10);
  const { end } = hub.history;
  batches = 0;
  expect(pass(end).look(count)).toBe(true);
  expect(batches).toBe(0);
  publish(1000);
  pass(end).look(count);
  expect(batches).toBeGreaterThan(10);
});

test("what a channel's cap drops between a request and its first look had come before the request all the same", () => {
  const limits = { messagesMax: 2, bytesMax: 1 << 20, ageMsMax: 1e12, lastValueBytesMax: 1 << 18 };
  const hub = new Hub(limits, () => {});
  hub.open("stream0", 0);
  const publish = (offset: number) => {
    const envelope = new Uint8Array(10);
    hub.deliver("stream0", [{ offset, timestampMs: 0, channel: "a.x", envelope }], offset);
  };
  const lacking = (since: number, live: readonly number[]) => {
    const held = HeldChannels.of(["a.*"], ["a.x"], hub.history.end);
    for (const offset of live) publish(offset);
    const wanted = new WantedChannels(["a.*"], ["a.x"]);
    const streams = new Map([[0, { streamId: "stream0", next: since }]]);
    new HistoryPass(hub.history, { wanted, streams, from: 0, held }).look(() => false);
    return held?.lacking.size;
  };
  publish(0);
  expect(lacking(0, [1, 2])).toBe(1);
  // What came after the request alone comes live.
  expect(lacking(3, [3])).toBe(0);
});
