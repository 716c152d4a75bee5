import { describe, expect, test } from "bun:test";
import { BusError } from "../bus/bus.ts";
import type { Frame, RangeFrame } from "../bus/frame.ts";
import { decodeFrame } from "../bus/frameCodec.ts";
import type { SourceRecord } from "../publication.ts";
import { Publisher, type PublisherOptions } from "./publisher.ts";
import { createRouter, type Unroutable } from "./route.ts";
import type { SourceBatch } from "./source.ts";

const A = "aaaaaaa";
const B = "bbbbbbb";

/** A bus whose every answer the test decides, and a clock that stands still until the test moves it. */
class Stage {
  readonly accepted: Frame[] = [];
  readonly offered: Frame[] = [];
  readonly warnings: object[] = [];
  maxFrameBytes = 1_000_000;
  /** Decides on each frame; by default all are accepted at once. */
  answer: (frame: Frame, bytes: number) => Promise<void> = () => Promise.resolve();
  #nowMs = 0;
  #timers = new Map<() => void, number>();
  readonly publisher: Publisher;

  constructor(options: Partial<PublisherOptions> = {}) {
    const stage = this;
    this.publisher = new Publisher({
      bus: {
        get maxFrameBytes() {
          return stage.maxFrameBytes;
        },
        publish: async (bytes) => {
          const frame = decodeFrame(bytes);
          this.offered.push(frame);
          await this.answer(frame, bytes.length);
          this.accepted.push(frame);
        },
      },
      publisher: "a/0",
      route: createRouter({ defaultTemplate: "{key}", topicTemplates: {} }),
      log: { warn: (fields) => this.warnings.push(fields) },
      timing: {
        now: () => this.#nowMs,
        random: () => 0.5,
        schedule: (delayMs, fn) => {
          const timer = (): void => fn();
          this.#timers.set(timer, this.#nowMs + delayMs);
          return () => this.#timers.delete(timer);
        },
      },
      ...options,
    });
    this.publisher.assigned({ id: A, name: "a/0" }, 0);
    this.publisher.assigned({ id: B, name: "b/0" }, 10);
  }

  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, at]) => at <= until).sort((x, y) => x[1] - y[1])[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1]);
      due[0]();
      await settle();
    }
    this.#nowMs = until;
  }

  ranges(): RangeFrame[] {
    return this.accepted.filter((frame) => frame.kind === "range");
  }
}

/** Nothing here waits for anything but promises, so one turn of the event loop settles all that can settle. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function batch(streamId: string, after: number, keys: readonly string[], valueBytes = 2): SourceBatch {
  const records: SourceRecord[] = keys.map((key, index) => ({
    topic: "t",
    partition: 0,
    offset: after + 1 + index,
    timestampMs: 1,
    key: Buffer.from(key),
    value: Buffer.from("1".repeat(valueBytes)),
    headers: [],
  }));
  return { streamId, after, through: after + keys.length, records };
}

async function stateOf(promise: Promise<unknown>): Promise<string> {
  const outcome = promise.then(
    () => "resolved",
    (error: Error) => `rejected: ${"code" in error ? error.code : error.message}`,
  );
  return Promise.race([outcome, settle().then(() => "pending")]);
}

const refuse = (): Promise<void> => Promise.reject(new BusError("bus_unavailable", "down"));

describe("the publisher", () => {
  test("a batch becomes a frame, and is accepted when the bus has accepted it", async () => {
    const stage = new Stage();
    await stage.publisher.accept(batch(A, -1, ["x", "y"]));
    expect(stage.ranges()).toMatchObject([{ streamId: A, after: -1, through: 1, publisher: "a/0" }]);
    expect(stage.ranges()[0]?.publications.map((one) => one.channel)).toEqual(["x", "y"]);
  });

  test("a batch without records still moves its stream on", async () => {
    const stage = new Stage();
    await stage.publisher.accept({ streamId: A, after: -1, through: 5, records: [] });
    expect(stage.ranges()).toMatchObject([{ after: -1, through: 5, publications: [] }]);
  });

  test("a refused frame is tried again until it is accepted, and the next one waits", async () => {
    const stage = new Stage();
    stage.answer = refuse;
    const first = stage.publisher.accept(batch(A, -1, ["x"]));
    const second = stage.publisher.accept(batch(A, 0, ["y"]));
    await stage.advance(3_000);
    expect(await stateOf(first)).toBe("pending");
    expect(stage.offered.every((frame) => frame.kind === "heads" || frame.through === 0)).toBe(true);
    expect(stage.publisher.unpublishableForMs).toBe(3_000);
    stage.answer = () => Promise.resolve();
    await stage.advance(1_000);
    await Promise.all([first, second]);
    expect(stage.ranges().map((frame) => frame.through)).toEqual([0, 1]);
    expect(stage.publisher.unpublishableForMs).toBe(0);
    expect(stage.publisher.counts.retries).toBeGreaterThan(3);
    expect(stage.warnings).toHaveLength(2);
  });

  test("a frame that hangs in the bus counts as unpublishable, and other streams go on", async () => {
    const stage = new Stage();
    stage.answer = (frame) =>
      frame.kind === "range" && frame.streamId === A
        ? Promise.withResolvers<void>().promise
        : Promise.resolve();
    const hung = stage.publisher.accept(batch(A, -1, ["x"]));
    await stage.publisher.accept(batch(B, 9, ["x"]));
    await stage.advance(700);
    expect(await stateOf(hung)).toBe("pending");
    expect(stage.publisher.unpublishableForMs).toBe(700);
  });

  test("bytes in flight are bounded over all streams", async () => {
    const stage = new Stage({ limits: { inFlightBytesMax: 3_000 } });
    const gates: Array<() => void> = [];
    stage.answer = () => new Promise<void>((resolve) => gates.push(resolve));
    const first = stage.publisher.accept(batch(A, -1, ["x"], 2_000));
    const second = stage.publisher.accept(batch(B, 9, ["x"], 2_000));
    await settle();
    expect(stage.offered).toHaveLength(1);
    gates[0]?.();
    await first;
    await settle();
    expect(stage.offered).toHaveLength(2);
    gates[1]?.();
    await second;
    expect(stage.publisher.counts.inFlightBytes).toBe(0);
  });

  test("heads come once a second, and name only what the bus has accepted", async () => {
    const stage = new Stage();
    await stage.publisher.accept(batch(A, -1, ["x", "y"]));
    stage.answer = (frame) =>
      frame.kind === "range" ? Promise.withResolvers<void>().promise : Promise.resolve();
    const hung = stage.publisher.accept(batch(A, 1, ["z"]));
    await stage.advance(1_000);
    const heads = stage.accepted.filter((frame) => frame.kind === "heads");
    expect(heads.map((frame) => frame.heads)).toEqual([
      [
        { streamId: A, through: 1 },
        { streamId: B, through: 9 },
      ],
    ]);
    expect(await stateOf(hung)).toBe("pending");
  });

  test("a revoked stream is abandoned and has no head any more", async () => {
    const stage = new Stage();
    stage.answer = refuse;
    const first = stage.publisher.accept(batch(A, -1, ["x"]));
    const second = stage.publisher.accept(batch(A, 0, ["y"]));
    await settle();
    stage.publisher.revoked(A);
    expect(await stateOf(first)).toBe("rejected: stream_not_assigned");
    expect(await stateOf(second)).toBe("rejected: stream_not_assigned");
    expect(await stateOf(stage.publisher.accept(batch(A, 0, ["y"])))).toBe("rejected: stream_not_assigned");
    expect(stage.publisher.unpublishableForMs).toBe(0);
    stage.answer = () => Promise.resolve();
    await stage.advance(2_000);
    expect(stage.accepted.at(-1)).toMatchObject({ kind: "heads", heads: [{ streamId: B, through: 9 }] });
    expect(stage.ranges()).toEqual([]);
  });

  test("closing rejects what is under way and what comes after", async () => {
    const stage = new Stage();
    stage.answer = refuse;
    const pending = stage.publisher.accept(batch(A, -1, ["x"]));
    await settle();
    stage.publisher.close();
    expect(await stateOf(pending)).toBe("rejected: publisher_closed");
    expect(await stateOf(stage.publisher.accept(batch(B, 9, ["x"])))).toBe("rejected: publisher_closed");
    const offered = stage.offered.length;
    await stage.advance(5_000);
    expect(stage.offered).toHaveLength(offered);
  });

  test("a closed bus rejects instead of trying for ever", async () => {
    const stage = new Stage();
    stage.answer = () => Promise.reject(new BusError("bus_closed", "closed"));
    expect(await stateOf(stage.publisher.accept(batch(A, -1, ["x"])))).toBe("rejected: publisher_closed");
  });

  test("a publication larger than the bus takes is omitted and blocks nothing", async () => {
    const stage = new Stage();
    stage.maxFrameBytes = 1_000;
    const large = batch(A, -1, ["x"], 2_000);
    const records = [...large.records, ...batch(A, 0, ["y"]).records];
    await stage.publisher.accept({ ...large, through: 1, records });
    expect(stage.ranges()).toMatchObject([{ after: -1, through: 1, omitted: [0] }]);
    expect(stage.publisher.counts.omitted).toBe(1);
  });

  test("a server whose limit is lower than its driver says gets smaller frames", async () => {
    const stage = new Stage();
    stage.answer = (_frame, bytes) =>
      bytes > 1_500 ? Promise.reject(new BusError("frame_too_large", "no")) : Promise.resolve();
    await stage.publisher.accept(batch(A, -1, ["a", "b", "c", "d"], 900));
    const offsets = stage
      .ranges()
      .flatMap((frame) => [...frame.publications.map((one) => one.offset), ...frame.omitted]);
    expect(offsets).toEqual([0, 1, 2, 3]);
    expect(stage.ranges().at(-1)?.through).toBe(3);
  });

  test("unroutable records are left out, counted by reason, and sampled in the log", async () => {
    const stage = new Stage();
    await stage.publisher.accept(batch(A, -1, ["bad key", "x", "bad key", ""]));
    expect(stage.ranges()[0]?.publications.map((one) => one.offset)).toEqual([1]);
    expect([...stage.publisher.counts.unroutable]).toEqual([
      ["channel_invalid", 2],
      ["key_empty", 1],
    ]);
    expect(stage.warnings).toHaveLength(2);
    await stage.advance(10_000);
    await stage.publisher.accept(batch(A, 3, ["bad key"]));
    expect(stage.warnings.at(-1)).toMatchObject({ reason: "channel_invalid", count: 2, offset: 4 });
  });

  test("a dead letter that can not be kept is tried again; it holds back the commit, not the stream", async () => {
    const kept: Unroutable[] = [];
    let isDown = true;
    const deadLetter = (_record: SourceRecord, unroutable: Unroutable): Promise<"kept"> => {
      if (isDown) return Promise.reject(new Error("down"));
      kept.push(unroutable);
      return Promise.resolve("kept");
    };
    const stage = new Stage({ deadLetter });
    const first = stage.publisher.accept(batch(A, -1, ["", "x"]));
    await stage.publisher.accept(batch(A, 1, ["y"]));
    expect(await stateOf(first)).toBe("pending");
    isDown = false;
    await stage.advance(1_000);
    await first;
    expect(kept.map((one) => one.unroutable)).toEqual(["key_empty"]);
    expect(stage.publisher.counts.deadLetters).toBe(1);
  });
});
