import { expect, test } from "bun:test";
import { AheadListeners } from "../hub/aheadListeners.ts";
import { SeenElsewhere } from "./seenElsewhere.ts";

/** A client of `topics`, of which it has seen `asked` elsewhere; says which channels are taken from it at the moment. */
function client(asked: readonly string[], already: readonly string[] = []) {
  const paused = new Set<string>();
  const owner = {};
  const change = (channel: string, isPaused: boolean) =>
    void (isPaused ? paused.add(channel) : paused.delete(channel));
  return { owner, paused, listener: new SeenElsewhere({ owner, asked, already, change }) };
}

function isPast(ahead: AheadListeners, { paused }: { paused: Set<string> }, offset: number, channel: string) {
  let past = false;
  ahead.publishPast({ streamId: "s", offset, channel }, () => {
    past = paused.has(channel);
  });
  expect(paused.size).toBe(0);
  return past;
}

test("what a client has seen is published past it, up to where it has seen and for its own channels alone", () => {
  const ahead = new AheadListeners();
  const one = client(["A.*", "B"], ["A.x"]);
  ahead.add([{ streamId: "s", next: 10 }], one.listener);
  expect(isPast(ahead, one, 9, "A.b")).toBe(true);
  expect(isPast(ahead, one, 9, "B")).toBe(true);
  expect(isPast(ahead, one, 9, "A.x")).toBe(false);
  expect(isPast(ahead, one, 9, "C")).toBe(false);
  expect(isPast(ahead, one, 10, "A.b")).toBe(false);
  ahead.reached("s", 9);
  expect(ahead.has("s")).toBe(true);
  ahead.reached("s", 10);
  expect(ahead.has("s")).toBe(false);
  expect(ahead.size).toBe(0);
});

test("a topic that was left and joined again says anew what its client has seen; what a left pattern covered keeps its place", () => {
  const ahead = new AheadListeners();
  const one = client(["A.*", "B"]);
  ahead.add([{ streamId: "s", next: 10 }], one.listener);
  ahead.leave(one.owner, new Set(["A.*"]), [{ name: "B" }, { name: "A.b" }]);
  expect(isPast(ahead, one, 5, "A.c")).toBe(false);
  expect(isPast(ahead, one, 5, "A.b")).toBe(true);
  expect(isPast(ahead, one, 5, "B")).toBe(true);
  ahead.leave(one.owner, new Set(["B", "A.b"]), []);
  expect(ahead.size).toBe(0);
});

test("a stream that was cut back, and a client that is gone, leave nothing behind", () => {
  const ahead = new AheadListeners();
  const [one, two] = [client(["A"]), client(["A"])];
  for (const { listener } of [one, two]) {
    const streams = ["s", "t"].map((streamId) => ({ streamId, next: 10 }));
    expect(ahead.add(streams, listener)).toBe(true);
  }
  expect(ahead.size).toBe(4);
  ahead.forget("s");
  expect([ahead.size, ahead.has("s")]).toEqual([2, false]);
  ahead.remove(one.owner);
  ahead.remove(two.owner);
  expect([ahead.size, ahead.has("t")]).toEqual([0, false]);
});

test("there is a limit for each stream and one for all, and who finds no room is of none of its streams", () => {
  const ahead = new AheadListeners({ perStreamMax: 2, max: 4 });
  const add = (...streams: string[]) =>
    ahead.add(
      streams.map((streamId) => ({ streamId, next: 10 })),
      client(["A"]).listener,
    );
  expect([add("s"), add("s"), add("t", "s")]).toEqual([true, true, false]);
  expect(ahead.has("t")).toBe(false);
  expect([add("t"), add("t", "u"), add("u")]).toEqual([true, false, true]);
  expect([ahead.size, ahead.refused]).toEqual([4, 2]);
});

test("a mark tells what a client has seen by all of its topics, and not what it has seen by some", () => {
  const ahead = new AheadListeners();
  const one = client(["A"]);
  ahead.add([{ streamId: "s", next: 10 }], one.listener);
  expect([...ahead.seenBy(one.owner, [{ name: "A" }])]).toEqual([["s", 10]]);
  expect([...ahead.seenBy(one.owner, [{ name: "A" }, { name: "B" }])]).toEqual([]);
  expect([...ahead.seenBy({}, [{ name: "A" }])]).toEqual([]);
});
