import { expect, test } from "bun:test";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { CompositeLog } from "../log/composite.ts";
import { LogError, type LogStream, type StreamLog } from "../log/log.ts";
import { StreamWatch, type StreamWatchOptions } from "./watch.ts";

class ScriptedLog implements StreamLog {
  answer: "streams" | "away" | "hangs" = "streams";
  /** Streams of which it can tell no more than the name. */
  leaderless: readonly string[] = [];
  asked = 0;
  streamsNow: readonly LogStream[];

  constructor(...streams: readonly LogStream[]) {
    this.streamsNow = streams;
  }

  streams(): Promise<LogStream[]> {
    this.asked++;
    if (this.answer === "hangs") return new Promise(() => {});
    if (this.answer === "away") return Promise.reject(new LogError("log_unavailable", "away"));
    return Promise.resolve(this.streamsNow.filter(({ id }) => !this.leaderless.includes(id)));
  }

  get unplaced(): readonly LogStream[] {
    return this.streamsNow.filter(({ id }) => this.leaderless.includes(id));
  }

  read(): Promise<never> {
    return Promise.reject(new LogError("log_unavailable", "away"));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function stage(remembered: StreamWatchOptions["remembered"] = [], more: readonly string[] = []) {
  const near = new ScriptedLog({ id: "near", name: "embedded/0", earliest: 0, next: 5 });
  const far = new ScriptedLog(
    { id: "far1", name: "trades/0", earliest: 10, next: 1000 },
    ...more.map((id) => ({ id, name: id, earliest: 10, next: 1000 })),
  );
  const unplaced: string[] = [];
  const told: string[] = [];
  const room = { streams: 100 };
  const found: Array<readonly [string, number]> = [];
  const watch = new StreamWatch({
    log: new CompositeLog([near, far]),
    warmRecordsMax: 200,
    remembered,
    patienceMs: 50,
    found: (stream, from) => {
      if (found.length >= room.streams) return undefined;
      found.push([stream.id, from]);
      return Promise.resolve();
    },
    unplaced: ({ id }) => void unplaced.push(id),
    vanished: () => undefined,
    onError: ({ message }) => void told.push(message),
  });
  return { near, far, found, unplaced, told, room, watch };
}

test("a start reads a recent stretch of every log that answers", async () => {
  const { found, watch } = stage();
  await watch.begin();
  expect(found).toEqual([
    ["near", 0],
    ["far1", 900],
  ]);
  expect(watch.incomplete).toBe(false);
  watch.close();
});

for (const answer of ["away", "hangs"] as const) {
  test(`a log that at the start ${answer === "away" ? "is away" : answer} hides its own streams only`, async () => {
    const { far, found, watch } = stage();
    far.answer = answer;
    await watch.begin();
    await watch.listed;
    expect(found).toEqual([["near", 0]]);
    expect(watch.incomplete).toBe(true);
    watch.close();
    if (answer === "hangs") expect(far.asked).toBe(1);
  });
}

test("why no log tells its streams is said once, however often they are asked again", async () => {
  const { near, far, told, watch } = stage();
  near.answer = "away";
  far.answer = "away";
  const begun = watch.begin();
  const deadline = Date.now() + 20_000;
  while (far.asked < 3 && Date.now() < deadline) await Bun.sleep(5);
  near.answer = "streams";
  far.answer = "streams";
  await begun;
  expect(far.asked).toBeGreaterThanOrEqual(3);
  expect(told).toHaveLength(1);
  watch.close();
});

test("streams of a log that is away begin where this instance has read to", async () => {
  const { far, found, watch } = stage([
    ["near", 3],
    ["far1", 700],
  ]);
  far.answer = "away";
  await watch.begin();
  expect(found).toEqual([
    ["near", 0],
    ["far1", 700],
  ]);
  far.answer = "streams";
  expect(await watch.find("far1")).toMatchObject({ id: "far1" });
  expect(found).toHaveLength(2);
  expect(watch.incomplete).toBe(false);
  watch.close();
});

test("what nobody remembers of a log that comes back is read from a recent offset, not from its beginning", async () => {
  const { far, found, watch } = stage();
  far.answer = "away";
  await watch.begin();
  expect(await rejectionOf(watch.find("far1"))).toMatchObject({ code: "log_unavailable" });
  far.answer = "streams";
  const deadline = Date.now() + 10_000;
  while (watch.incomplete && Date.now() < deadline) await Bun.sleep(5);
  expect(found).toEqual([
    ["near", 0],
    ["far1", 900],
  ]);
  watch.close();
});

test("what is found late and is older than this instance is followed from where it is, for nobody asked for what was before", async () => {
  const older = { id: "far1", name: "embedded/b", earliest: 10, next: 1000, isOlder: true };
  for (const isAwayAtFirst of [true, false]) {
    const { far, found, watch } = stage();
    far.streamsNow = isAwayAtFirst ? [older] : [];
    far.answer = isAwayAtFirst ? "away" : "streams";
    await watch.begin();
    far.answer = "streams";
    far.streamsNow = [older];
    expect(await watch.find("far1")).toMatchObject({ earliest: 1000, next: 1000 });
    expect(found).toEqual([["near", 0], ...(isAwayAtFirst ? [["far1", 1000] as const] : [])]);
    watch.close();
  }
  const { far, found, watch } = stage();
  far.streamsNow = [older];
  await watch.begin();
  expect(found[1]).toEqual(["far1", 900]);
  watch.close();
});

test("a partition without a leader hides no other, and is followed from where it is of the start when it has one", async () => {
  const { far, found, unplaced, watch } = stage([], ["far2"]);
  far.leaderless = ["far2"];
  await watch.begin();
  expect(found.map(([id]) => id)).toEqual(["near", "far1"]);
  expect(unplaced).toEqual(["far2"]);
  expect(watch.unplaced).toBe(1);
  far.leaderless = [];
  await watch.find("far2");
  // Not from its beginning, as a stream that is new would be: share of 200 records over three streams.
  expect(found.slice(2)).toEqual([["far2", 1000 - 66]]);
  expect(watch.unplaced).toBe(0);
  watch.close();
});

test("a partition without a leader is followed at once where this instance remembers its position", async () => {
  const { far, found, unplaced, watch } = stage([["far2", 700]], ["far2"]);
  far.leaderless = ["far2"];
  await watch.begin();
  expect(found.slice(2)).toEqual([["far2", 700]]);
  expect(unplaced).toEqual([]);
  watch.close();
});

test("a stream for which there is no room is told, and followed when there is some", async () => {
  const { found, room, watch } = stage();
  room.streams = 1;
  await watch.begin();
  expect([found.length, watch.unfollowed, watch.unplaced]).toEqual([1, 1, 0]);
  room.streams = 2;
  await watch.find("far1");
  expect(found.map(([id]) => id)).toEqual(["near", "far1"]);
  expect(watch.unfollowed).toBe(0);
  watch.close();
});
