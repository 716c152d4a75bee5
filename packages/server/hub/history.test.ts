import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { History, type HistoryLimits } from "./history.ts";

const LIMITS: HistoryLimits = {
  messagesMax: 1000,
  bytesMax: 64 * 1024,
  ageMsMax: 60_000,
  lastValueBytesMax: 8192,
};
/** The smallest segment that a history makes, and what it adds to each envelope. */
const SEGMENT_BYTES = 4096;
const HEADER_BYTES = 24;
/** What is charged for an entry, for a channel of a short name, and for one whose last value is all that is left. */
const ENTRY_BYTES = 24;
const CHANNEL_BYTES = 401;
const RETAINED_BYTES = 100 + CHANNEL_BYTES;

interface Appended {
  readonly slot: number;
  readonly offset: number;
  readonly channel: string;
  readonly text: string;
  readonly atMs: number;
}

/** A history beside the plain list of all that was ever appended to it. */
function fixture(limits: Partial<HistoryLimits> = {}) {
  const clock = { nowMs: 1000 };
  const all: Appended[] = [];
  const history = new History({ ...LIMITS, ...limits }, () => clock.nowMs);
  const slots = ["a", "b"].map((streamId) => history.openSlot(streamId, 0));
  const append = (channel: string, size = 10, slotIndex = 0): Appended => {
    const slot = history.slot(slotIndex);
    const text = `${all.length}:`.padEnd(size, "x");
    const envelope = new TextEncoder().encode(text);
    const entry = { slot: slotIndex, offset: slot.next, channel, text, atMs: clock.nowMs };
    history.append(slot, { offset: slot.next, timestampMs: 0, channel, envelope });
    slot.next += 1;
    // What was handed in belongs to a frame that goes away: nothing here may still point into it.
    envelope.fill(0);
    all.push(entry);
    return entry;
  };
  const kept = (channel: string): Appended[] => {
    const found = history.channel(channel);
    if (found === undefined) return [];
    return Array.from({ length: found.count }, (_, i) => {
      const { slot, offset, storedMs, envelope } = history.entryAt(found.positionOf(found.first + i));
      return { slot, offset, channel, text: new TextDecoder().decode(envelope), atMs: storedMs };
    });
  };
  const lastValue = (channel: string): string | undefined => {
    const envelope = history.lastValue(channel);
    return envelope === undefined ? undefined : new TextDecoder().decode(envelope);
  };
  return { history, slots, clock, all, append, kept, lastValue };
}

describe("history", () => {
  test("keeps a channel's newest messages up to the limit, and knows from where on it has them all", () => {
    const { append, kept, history } = fixture({ messagesMax: 3 });
    const entries = Array.from({ length: 7 }, () => append("x"));
    expect(kept("x")).toEqual(entries.slice(-3));
    expect(history.channel("x")?.floors.get(0)).toBe(4);
    // The cap is the channel's own: another channel of the stream has still all.
    expect(history.slot(0).floor).toBe(0);
  });

  test("forgets what is older than the limit, also within a segment that hardly fills", () => {
    const { append, kept, history, clock } = fixture();
    append("x");
    clock.nowMs += 40_000;
    const second = append("x");
    clock.nowMs += 30_000;
    history.expire();
    expect(kept("x")).toEqual([second]);
    expect(history.slot(0).floor).toBe(1);
    clock.nowMs += 40_000;
    history.expire();
    expect(kept("x")).toEqual([]);
    expect(history.slot(0).floor).toBe(2);
  });

  test("keeps a last value when its message is forgotten, up to the limit, and drops the oldest first", () => {
    const { append, history, clock, lastValue } = fixture({ lastValueBytesMax: 2 * (RETAINED_BYTES + 100) });
    const [, second, third] = ["a", "b", "c"].map((channel) => append(channel, 100));
    clock.nowMs += 60_001;
    history.expire();
    expect([lastValue("a"), lastValue("b"), lastValue("c")]).toEqual([undefined, second?.text, third?.text]);
    expect(history.stats()).toMatchObject({
      channels: 2,
      retainedBytes: 2 * (RETAINED_BYTES + 100),
      droppedLastValues: 1,
    });
    append("b");
    expect(history.stats().retainedBytes).toBe(RETAINED_BYTES + 100);
  });

  test("a message too large to be kept is known to be missing, and an older one is not the last value", () => {
    const { append, history, lastValue } = fixture();
    append("x");
    append("x", LIMITS.bytesMax);
    expect(lastValue("x")).toBeUndefined();
    expect(history.slot(0).floor).toBe(2);
    const next = append("x");
    expect(lastValue("x")).toBe(next.text);
  });

  test("a message larger than a segment is kept when it fits, whatever has to go for it", () => {
    const { append, kept, history } = fixture();
    for (let i = 0; i < 100; i++) append("small", 500);
    const large = append("large", LIMITS.bytesMax - HEADER_BYTES);
    expect(kept("large")).toEqual([large]);
    expect(kept("small")).toEqual([]);
    const after = append("small", 500);
    expect(kept("small")).toEqual([after]);
    expect(history.stats().capacityBytes).toBeLessThanOrEqual(LIMITS.bytesMax);
  });

  test("with a limit of no messages keeps last values alone", () => {
    const { append, kept, lastValue, history } = fixture({ messagesMax: 0 });
    append("x");
    const second = append("x");
    expect(kept("x")).toEqual([]);
    expect(history.slot(0).floor).toBe(2);
    expect(lastValue("x")).toBe(second.text);
  });

  test("counts what channels and entries take beside their bytes, and keeps it all within the limit", () => {
    const { append, history } = fixture({ bytesMax: 1 << 20, lastValueBytesMax: 1 << 18 });
    for (let i = 0; i < 10_000; i++) append(`order.${i}`, 50);
    const { channels, capacityBytes, overheadBytes, retainedBytes } = history.stats();
    expect(capacityBytes + overheadBytes).toBeLessThanOrEqual((1 << 20) + ENTRY_BYTES + CHANNEL_BYTES + 20);
    expect(retainedBytes).toBeLessThanOrEqual(1 << 18);
    expect(channels).toBeGreaterThan(1000);
    expect(channels * CHANNEL_BYTES).toBeLessThan((1 << 20) + (1 << 18));
  });

  test("a stream's floor rises with each segment that goes", () => {
    const { append, history } = fixture();
    // Of different channels, so that no cap of theirs tells what is missing.
    for (let i = 0; i < 1000; i++) append(`c${i}`, 100);
    const { floor, next } = history.slot(0);
    expect(floor).toBeGreaterThan(0);
    const here = Array.from({ length: 1000 }, (_, i) => history.channel(`c${i}`)?.count ?? 0);
    expect(here).toEqual(Array.from({ length: 1000 }, (_, offset) => (offset >= floor ? 1 : 0)));
    expect(next).toBe(1000);
  });

  test("a new epoch of a stream does not answer for the old one", () => {
    const { append, kept, history } = fixture();
    append("x");
    const epoch = history.openSlot("a", 0);
    append("x", 10, epoch.index);
    expect(kept("x").map(({ slot }) => slot)).toEqual([0, epoch.index]);
  });

  test("gives channels by prefix", () => {
    const { append, history } = fixture();
    for (const channel of ["a.c", "a.b", "ab", "a", "a-b.x"]) append(channel);
    expect([...history.channelsWithPrefix("a.")].map(({ name }) => name)).toEqual(["a.b", "a.c"]);
    expect([...history.channelsWithPrefix("a.", "a.b")].map(({ name }) => name)).toEqual(["a.c"]);
  });

  const step = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        channel: fc.constantFrom("a", "b", "c", "d", "rare"),
        size: fc.oneof(
          { weight: 20, arbitrary: fc.integer({ min: 5, max: 300 }) },
          { weight: 1, arbitrary: fc.integer({ min: 5, max: 70_000 }) },
        ),
        slot: fc.nat(1),
        copies: fc.integer({ min: 1, max: 30 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ passMs: fc.nat(40_000) }) },
  );

  test("whatever is appended, it stays within its bounds, gives back what it was given, and knows what is missing", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), fc.nat(40), (steps, cap) => {
        const { history, clock, all, append, kept, lastValue } = fixture({ messagesMax: cap });
        for (const each of steps) {
          if ("passMs" in each) {
            clock.nowMs += each.passMs;
            history.expire();
          } else for (let i = 0; i < each.copies; i++) append(each.channel, each.size, each.slot);
        }
        history.expire();
        const { capacityBytes, retainedBytes, droppedLastValues } = history.stats();
        expect(capacityBytes).toBeLessThanOrEqual(LIMITS.bytesMax);
        expect(retainedBytes).toBeLessThanOrEqual(LIMITS.lastValueBytesMax);
        // The newest that surely fit, the last segment and the first being partly filled or dropped.
        const fitting = new Set<Appended>();
        let room = LIMITS.bytesMax - 4 * SEGMENT_BYTES - 5 * (CHANNEL_BYTES + 5);
        for (const entry of all.toReversed()) {
          room -= entry.text.length + HEADER_BYTES + ENTRY_BYTES;
          if (entry.text.length > 300 || room < 0) break;
          if (entry.atMs >= clock.nowMs - LIMITS.ageMsMax) fitting.add(entry);
        }
        for (const channel of ["a", "b", "c", "d", "rare"]) {
          const appended = all.filter((entry) => entry.channel === channel);
          const here = kept(channel);
          expect(here.length).toBeLessThanOrEqual(cap);
          for (const { atMs } of here) expect(atMs).toBeGreaterThanOrEqual(clock.nowMs - LIMITS.ageMsMax);
          const texts = new Set(here.map(({ text }) => text));
          expect(here).toEqual(appended.filter(({ text }) => texts.has(text)));
          for (const entry of appended) {
            const floor = Math.max(
              history.slot(entry.slot).floor,
              history.channel(channel)?.floors.get(entry.slot) ?? 0,
            );
            if (entry.offset >= floor) expect(texts.has(entry.text)).toBe(true);
          }
          for (const entry of appended.slice(appended.length - Math.min(cap, appended.length)))
            if (fitting.has(entry)) expect(texts.has(entry.text)).toBe(true);
          const newest = appended.at(-1);
          const value = lastValue(channel);
          if (value !== undefined) expect(value).toBe(newest?.text ?? "nothing was appended");
          else if (newest !== undefined && newest.text.length <= 300)
            expect(droppedLastValues).toBeGreaterThan(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
