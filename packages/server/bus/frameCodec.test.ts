import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Frame, FrameError, type RangeFrame } from "./frame.ts";
import { decodeFrame, encodeFrame } from "./frameCodec.ts";
import { splitHeads, splitRange } from "./splitRange.ts";

const streamId = fc.stringMatching(/^[0-9a-z]{7}$/);
const publisher = fc
  .string({ maxLength: 60, unit: "grapheme" })
  .filter((text) => Buffer.byteLength(text) <= 255);
const channel = fc.stringMatching(/^[A-Za-z0-9_:-]{1,20}(\.[A-Z]{1,9}){0,3}$/);

const rangeFrame: fc.Arbitrary<RangeFrame> = fc
  .record({
    publisher,
    streamId,
    after: fc.oneof(fc.constant(-1), fc.nat(), fc.integer({ min: 0, max: 2 ** 52 })),
    tail: fc.nat(1000),
    items: fc.array(
      fc.record({
        step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 33 })),
        isOmitted: fc.boolean(),
        timestampMs: fc.oneof(fc.constant(-1), fc.maxSafeInteger(), fc.constant(1.7e18)),
        channel,
        envelope: fc.uint8Array({ maxLength: 300 }),
      }),
      { maxLength: 40 },
    ),
  })
  .map(({ publisher, streamId, after, tail, items }) => {
    let offset = after;
    const placed = items.map((item) => {
      offset += item.step;
      return { ...item, offset };
    });
    return {
      kind: "range",
      publisher,
      streamId,
      after,
      through: offset + tail,
      publications: placed
        .filter((item) => !item.isOmitted)
        .map(({ offset, timestampMs, channel, envelope }) => ({ offset, timestampMs, channel, envelope })),
      omitted: placed.filter((item) => item.isOmitted).map((item) => item.offset),
    };
  });

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  rangeFrame,
  fc.record({
    kind: fc.constant("heads" as const),
    publisher,
    heads: fc.array(
      fc.record({ streamId, through: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER - 1 }) }),
    ),
  }),
);

/** Buffers and Uint8Arrays of the same bytes are the same here. */
function plain(frame: Frame): Frame {
  if (frame.kind === "heads") return frame;
  const publications = frame.publications.map((publication) => ({
    ...publication,
    envelope: new Uint8Array(publication.envelope),
  }));
  return { ...frame, publications };
}

describe("the frame codec", () => {
  test("a frame comes back as it was", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(plain(decodeFrame(encodeFrame(frame)))).toEqual(plain(frame));
      }),
      { numRuns: 300 },
    );
  });

  test("envelopes are views of the frame", () => {
    const bytes = encodeFrame(frameOf([5]));
    const frame = decodeFrame(bytes);
    expect(frame.kind === "range" && frame.publications[0]?.envelope.buffer).toBe(bytes.buffer);
  });

  test("every truncation is refused", () => {
    fc.assert(
      fc.property(anyFrame, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (frame, part) => {
        const bytes = encodeFrame(frame);
        const cut = bytes.subarray(0, Math.floor(bytes.length * part));
        expect(() => decodeFrame(cut)).toThrow(FrameError);
      }),
      { numRuns: 300 },
    );
  });

  test("bytes after the end are refused", () => {
    const bytes = encodeFrame(frameOf([5]));
    expect(() => decodeFrame(new Uint8Array([...bytes, 0]))).toThrow(FrameError);
  });

  test("flipped bytes give a FrameError or another well-formed frame", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(anyFrame, flips, (frame, flips) => {
        const bytes = new Uint8Array(encodeFrame(frame));
        for (const [at, mask] of flips) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ mask;
        expectFrameOrError(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test("random bytes behind a true preamble give a FrameError or a well-formed frame", () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 200 }), (kind, rest) => {
        expectFrameOrError(new Uint8Array([0xc5, 1, kind, 1, 0x61, ...rest]));
      }),
      { numRuns: 1000 },
    );
  });

  test("a count that the bytes cannot hold is refused before anything is allocated", () => {
    const heads = new Uint8Array([0xc5, 2, 2, 0, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    expect(() => decodeFrame(heads)).toThrow("more items than it can hold");
  });

  test("a frame that breaks its own contract is not encoded", () => {
    expect(() => encodeFrame(frameOf([5, 5]))).toThrow(RangeError);
    expect(() => encodeFrame({ ...frameOf([5]), streamId: "short" })).toThrow(RangeError);
    expect(() => encodeFrame({ ...frameOf([5]), through: 4 })).toThrow(RangeError);
    expect(() => encodeFrame({ ...frameOf([5]), publisher: "x".repeat(256) })).toThrow(RangeError);
  });
});

describe("splitting a range", () => {
  test("the parts join without a hole, hold everything, and none is larger than allowed", () => {
    fc.assert(
      fc.property(rangeFrame, fc.integer({ min: 340, max: 4000 }), fc.nat(4000), (frame, max, target) => {
        const parts = splitRange(frame, { frameBytesMax: max, frameBytesTarget: target });
        let after = frame.after;
        for (const part of parts) {
          expect(part.after).toBe(after);
          after = part.through;
          expect(encodeFrame(part).length).toBeLessThanOrEqual(max);
        }
        expect(after).toBe(frame.through);
        const offsets = parts.flatMap((part) => [
          ...part.publications.map((one) => one.offset),
          ...part.omitted,
        ]);
        const all = [...frame.publications.map((one) => one.offset), ...frame.omitted];
        expect(offsets.sort((a, b) => a - b)).toEqual(all.sort((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });

  test("a publication larger than a whole frame is omitted and its neighbours stay", () => {
    const frame = frameOf([1, 2, 3]);
    const large = frame.publications.map((one) =>
      one.offset === 2 ? { ...one, envelope: new Uint8Array(5000) } : one,
    );
    const parts = splitRange({ ...frame, publications: large }, { frameBytesMax: 1000 });
    expect(parts).toHaveLength(1);
    expect(parts[0]?.omitted).toEqual([2]);
    expect(parts[0]?.publications.map((one) => one.offset)).toEqual([1, 3]);
  });

  test("a target smaller than the limit does not omit what the bus takes", () => {
    const parts = splitRange(frameOf([1, 2, 3]), { frameBytesMax: 1000, frameBytesTarget: 1 });
    expect(parts.map((part) => part.publications.length)).toEqual([1, 1, 1]);
  });

  test("an empty range is one empty frame", () => {
    const parts = splitRange({ ...frameOf([]), after: 4, through: 9 }, { frameBytesMax: 1000 });
    expect(parts).toEqual([{ ...frameOf([]), after: 4, through: 9 }]);
  });

  test("many heads become several frames", () => {
    const heads = Array.from({ length: 100 }, (_, index) => ({ streamId: "abcdefg", through: index }));
    const frames = splitHeads({ kind: "heads", publisher: "p", heads }, 300);
    expect(frames.flatMap((frame) => frame.heads)).toEqual(heads);
    for (const frame of frames) expect(encodeFrame(frame).length).toBeLessThanOrEqual(300);
  });
});

function frameOf(offsets: readonly number[]): RangeFrame {
  const publications = offsets.map((offset) => ({
    offset,
    timestampMs: 1,
    channel: "a.b",
    envelope: new Uint8Array([123, 125]),
  }));
  return {
    kind: "range",
    publisher: "p",
    streamId: "abcdefg",
    after: -1,
    through: offsets.at(-1) ?? -1,
    publications,
    omitted: [],
  };
}

function expectFrameOrError(bytes: Uint8Array): void {
  try {
    const frame = decodeFrame(bytes);
    expect(plain(decodeFrame(encodeFrame(frame)))).toEqual(plain(frame));
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError);
  }
}
