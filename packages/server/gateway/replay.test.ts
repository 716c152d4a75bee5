import { expect, test } from "bun:test";
import { joinSince } from "@shardcast/protocol/mark";
import { Hub } from "../hub/hub.ts";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import type { Publication } from "../publication.ts";
import { Replay } from "./replay.ts";
import { WantedChannels } from "./wantedChannels.ts";

const HISTORY = { messagesMax: 1_000, bytesMax: 1 << 20, ageMsMax: 600_000_000, lastValueBytesMax: 1 << 18 };
const LIMITS = {
  recordsMax: 1_000,
  bytesMax: 1 << 20,
  ageMsMax: 1e12,
  readBytesMax: 1 << 20,
  behindMsMax: 5000,
};

function publication(offset: number, text = `m${offset}`): Publication {
  return { offset, timestampMs: 1, channel: "x", envelope: new TextEncoder().encode(text) };
}

function hubWith(offsets: readonly number[], now: () => number = Date.now): Hub {
  const hub = new Hub(HISTORY, () => {}, { now });
  hub.open("stream0", 0);
  hub.deliver(
    "stream0",
    offsets.map((offset) => publication(offset)),
    Math.max(...offsets),
  );
  return hub;
}

/** What a client gets that resumes from there; undefined where it is told that it has not recovered. */
async function resume(hub: Hub, since: readonly string[], log: readonly number[] = []) {
  const read = async ({ after, through }: RangeRequest): Promise<RangeResult> => {
    const publications = log.filter((offset) => offset > after && offset <= through);
    return { kind: "read", publications: publications.map((offset) => publication(offset)), through };
  };
  const joined = joinSince(since);
  if ("invalid" in joined) throw new Error(joined.invalid);
  const replay = new Replay({
    hub,
    log: { read },
    limits: LIMITS,
    wanted: new WantedChannels(["x"], []),
    since: joined,
    nowMs: 1,
  });
  const got: string[] = [];
  for (;;) {
    const step = replay.step(1_000, () => false);
    if (step.kind === "impossible") return undefined;
    if (step.kind === "read") {
      const result = await replay.read(step.stretch, new AbortController().signal);
      const texts = result === undefined ? undefined : replay.accept(step.stretch, result);
      if (texts === undefined) return undefined;
      got.push(...texts);
      continue;
    }
    got.push(...step.texts);
    if (step.kind === "finished") return got;
  }
}

test("a mark made while a stream was gone repeats nothing when the stream is there again", async () => {
  const hub = hubWith([0, 1, 2]);
  hub.gap("stream0", 2, 2, "gone");
  const mark = hub.mark();
  expect(await resume(hub, [mark])).toEqual([]);
  hub.deliver("stream0", [publication(3), publication(4)], 4);
  expect(await resume(hub, [mark], [0, 1, 2, 3, 4])).toEqual(["m3", "m4"]);
});

test("a stream that is gone for so long that marks do not name it keeps nobody from recovering", async () => {
  let nowMs = 0;
  const hub = hubWith([0, 1, 2], () => nowMs);
  hub.open("stream1", 0);
  hub.gap("stream0", 2, 2, "gone");
  nowMs = 11 * 60_000;
  hub.deliver("stream1", [publication(0, "other")], 0);
  const mark = hub.mark();
  hub.deliver("stream1", [publication(1, "next")], 1);
  expect(await resume(hub, [mark])).toEqual(["next"]);
});

test("a mark of a time when nobody could follow a stream recovers nothing, rather than repeat all of that stream", async () => {
  const hub = hubWith([0, 1, 2]);
  hub.unplaced("stream1");
  const mark = hub.mark();
  hub.open("stream1", 5);
  hub.deliver("stream1", [publication(5)], 5);
  expect(await resume(hub, [mark], [0, 1, 2, 3, 4, 5])).toBeUndefined();
});
