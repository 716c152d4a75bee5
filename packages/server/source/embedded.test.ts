import { expect, test } from "bun:test";
import type { Frame } from "../bus/frame.ts";
import { decodeFrame } from "../bus/frameCodec.ts";
import { EmbeddedLog } from "../log/local.ts";
import { EmbeddedSource } from "./embedded.ts";
import { buildEnvelope } from "./envelope.ts";

function stage() {
  const log = new EmbeddedLog({ bytesMax: 10_000_000, envelope: buildEnvelope });
  const frames: Frame[] = [];
  const timers: Array<() => void> = [];
  const bus = {
    maxFrameBytes: 1_000_000,
    isDown: false,
    publish: (bytes: Uint8Array): Promise<void> => {
      if (bus.isDown) return Promise.reject(new Error("down"));
      frames.push(decodeFrame(bytes));
      return Promise.resolve();
    },
  };
  const schedule = (_delayMs: number, fn: () => void): (() => void) => {
    timers.push(fn);
    return () => timers.splice(timers.indexOf(fn), 1);
  };
  const timing = { schedule, now: () => 0, random: () => 0 };
  const source = new EmbeddedSource({ log, bus, publisher: "a", timing });
  return { log, bus, frames, source, second: () => timers.shift()?.(), timers };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const one = Buffer.from("1");

test("appends of one turn share a frame, and frames join without a hole", async () => {
  const { log, frames, source } = stage();
  expect(source.append([{ channel: "a", payload: one }], 5)).toMatchObject([
    { offset: 0, channel: "a", timestampMs: 5 },
  ]);
  source.append([{ channel: "b", payload: one }], 5);
  await nextTurn();
  source.append([{ channel: "c", payload: one }], 5);
  await nextTurn();
  expect(frames).toMatchObject([
    { streamId: log.streamId, after: -1, through: 1, publications: [{ channel: "a" }, { channel: "b" }] },
    { streamId: log.streamId, after: 1, through: 2, publications: [{ channel: "c" }] },
  ]);
});

test("a head comes each second, after all that it names", async () => {
  const { log, frames, source, second } = stage();
  second();
  source.append([{ channel: "a", payload: one }], 5);
  second();
  expect(frames.map((frame) => frame.kind)).toEqual(["heads", "range", "heads"]);
  expect(frames[0]).toMatchObject({ heads: [{ streamId: log.streamId, through: -1 }] });
  expect(frames[2]).toMatchObject({ heads: [{ streamId: log.streamId, through: 0 }] });
  await nextTurn();
  expect(frames).toHaveLength(3);
});

test("a frame that the bus refuses is counted, stays in the log, and the next head tells of it", async () => {
  const { log, bus, frames, source, second } = stage();
  bus.isDown = true;
  source.append([{ channel: "a", payload: one }], 5);
  await nextTurn();
  await nextTurn();
  expect(source.stats).toEqual({ publications: 1, frames: 0, framesRefused: 1 });
  bus.isDown = false;
  second();
  expect(frames).toMatchObject([{ kind: "heads", heads: [{ through: 0 }] }]);
  expect(log.next).toBe(1);
});

test("closing publishes what is left and ends the heads", () => {
  const { frames, source, timers } = stage();
  source.append([{ channel: "a", payload: one }], 5);
  source.close();
  expect(frames).toMatchObject([{ kind: "range", through: 0 }]);
  expect(timers).toHaveLength(0);
});
