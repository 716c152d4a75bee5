import { expect, test } from "bun:test";
import { joinSince } from "@shardcast/protocol/mark";
import { Hub } from "../hub/hub.ts";
import { Replay } from "./replay.ts";
import { type QueuedTask, ReplayQueue } from "./replayQueue.ts";
import { WantedChannels } from "./wantedChannels.ts";

const HISTORY = { messagesMax: 1000, bytesMax: 1 << 24, ageMsMax: 600_000_000, lastValueBytesMax: 1 << 18 };
const LIMITS = { recordsMax: 1, bytesMax: 1, ageMsMax: 1e12, readBytesMax: 1, behindMsMax: 5000 };
const STREAM = "stream0";

test("15,000 clients that resume at once let a live message through every few steps, and each gets all of them once", async () => {
  const hub = new Hub(HISTORY, () => {});
  hub.open(STREAM, 0);
  let published = 0;
  const publish = (): void => {
    const offset = published++;
    const envelope = new TextEncoder().encode(`${offset}`);
    hub.deliver(STREAM, [{ offset, timestampMs: 0, channel: "x", envelope }], offset);
  };
  for (let i = 0; i < 40; i++) publish();
  // Each step takes a millisecond of a clock that nothing else moves.
  const clock = { ms: 0 };
  const queue = new ReplayQueue(() => clock.ms);
  const since = joinSince(["m"]);
  if ("invalid" in since) throw new Error("no mark");
  const log = { read: () => Promise.reject(new Error("all of it is in history")) };
  let finished = 0;
  let steps = 0;
  let cursorsMost = 0;
  const begin = (): void => {
    const wanted = new WantedChannels(["x"], []);
    const replay = new Replay({ hub, log, limits: LIMITS, wanted, since, nowMs: 0 });
    let got = 0;
    const task: QueuedTask = {
      get cursors() {
        return replay.cursors;
      },
      step(isOver) {
        clock.ms += 1;
        steps += 1;
        const step = replay.step(30, isOver);
        if (step.kind !== "more" && step.kind !== "finished") throw new Error(step.kind);
        for (const text of step.texts)
          if (Number(text) === got) got += 1;
          else throw new Error(`${text} in place of ${got}`);
        cursorsMost = Math.max(cursorsMost, queue.cursors);
        if (step.kind === "more") return queue.add(task);
        if (got !== published) throw new Error(`finished with ${got} of ${published}`);
        finished += 1;
      },
      release: () => replay.release(),
    };
    queue.add(task);
  };
  for (let i = 0; i < 15_000; i++) begin();
  let stepsMost = 0;
  while (finished < 15_000) {
    const before = steps;
    await new Promise((resolve) => setImmediate(resolve));
    stepsMost = Math.max(stepsMost, steps - before);
    // A live message now and then: with each turn there would be no end to what they have to catch up with.
    if (published < 60) publish();
  }
  expect(stepsMost).toBeLessThanOrEqual(5);
  expect(cursorsMost).toBeLessThanOrEqual(200_000);
  expect([queue.waiting, queue.cursors]).toEqual([0, 0]);
}, 60_000);
