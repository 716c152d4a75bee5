import { expect, test } from "bun:test";
import { Batch } from "./batch.ts";
import { Packer } from "./packer.ts";

const texts = (count: number) => Array.from({ length: count }, (_, i) => `{"type":"message","data":${i}}`);

test("what compressing takes beyond its share of a turn goes plain, until the next turn", () => {
  let nowMs = 0;
  const packer = new Packer({ level: 6, turnMsMax: 5, now: () => (nowMs += 2) });
  const pack = () => packer.pack(texts(50), 1500);
  expect([pack(), pack(), pack()].map((frame) => frame !== "plain")).toEqual([true, true, true]);
  expect(packer.isBusy).toBe(true);
  expect(pack()).toBe("plain");
  packer.begin();
  expect(pack()).not.toBe("plain");
  expect(packer.counters.frames).toBe(4);
});

test("a frame is the raw deflate of a JSON array", () => {
  const packer = new Packer({ level: 1, turnMsMax: 5, now: () => 0 });
  const frame = packer.pack(texts(50), 1500);
  if (frame === "plain") throw new Error("it is well worth packing");
  const inflated = new TextDecoder().decode(Bun.inflateSync(frame as Uint8Array<ArrayBuffer>));
  expect(JSON.parse(inflated)).toEqual(texts(50).map((text) => JSON.parse(text)));
});

test("batches that go on alike are one, also where others went on otherwise in between", () => {
  const [a, b, c] = texts(3).map((text) => ({ text, bytes: text.length }));
  if (a === undefined || b === undefined || c === undefined) throw new Error("three texts");
  const root = new Batch();
  const ab = root.with(a).with(b);
  expect(root.with(a).with(c)).not.toBe(ab);
  expect(root.with(b)).not.toBe(root.with(a));
  expect(root.with(a).with(b)).toBe(ab);
  expect(root.with(b)).toBe(root.with(b));
  expect([ab.texts, ab.bytes]).toEqual([[a.text, b.text], a.bytes + b.bytes]);
});
