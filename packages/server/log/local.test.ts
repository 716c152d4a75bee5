import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { buildEnvelope } from "../source/envelope.ts";
import { EmbeddedLog } from "./local.ts";
import { LocalLogReader } from "./localReader.ts";
import { LocalLogServer } from "./localServer.ts";
import type { RangeResult, StreamLog } from "./log.ts";

const MEGABYTE = 1024 * 1024;

function logOf(bytesMax: number): EmbeddedLog {
  return new EmbeddedLog({ bytesMax, envelope: buildEnvelope });
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** A range as plain values: `[offset, channel, data]` of each publication. */
function seen(result: RangeResult): unknown[] {
  if (result.kind !== "read") throw new Error(`the range was not read but ${result.kind}`);
  return result.publications.map(({ offset, channel, envelope }) => [
    offset,
    channel,
    JSON.parse(Buffer.from(envelope).toString()).data,
  ]);
}

describe("the embedded log", () => {
  test("what was appended is read again, with the cursor that append gave", async () => {
    const log = logOf(MEGABYTE);
    const appended = log.append("a.b", json({ n: 1 }), 1000);
    log.append("a.c", json("two"), 1001);
    expect(JSON.parse(Buffer.from(appended.envelope).toString())).toEqual({
      type: "message",
      channel: "a.b",
      cursor: `${log.streamId}:0`,
      ts: 1000,
      data: { n: 1 },
    });
    const result = await read(log, -1, 10);
    expect(result).toMatchObject({ kind: "read", through: 1 });
    expect(seen(result)).toEqual([
      [0, "a.b", { n: 1 }],
      [1, "a.c", "two"],
    ]);
  });

  test("a batch is appended as a whole and can be read as a whole, or nothing of it is there", async () => {
    const sizes = fc.array(fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(9_000)), { maxLength: 40 });
    const outcomes = new Set<boolean>();
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { maxLength: 6 }), async (batches) => {
        const log = logOf(20_000);
        for (const sizes of batches) {
          const [before, earliest] = [log.next, log.earliest];
          const messages = sizes.map((size) => ({ channel: "a", payload: json("x".repeat(size)) }));
          let isAppended = true;
          try {
            log.appendAll(messages, 0);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            isAppended = false;
          }
          outcomes.add(isAppended);
          expect(log.next).toBe(isAppended ? before + sizes.length : before);
          if (!isAppended) expect(log.earliest).toBe(earliest);
          else if (sizes.length > 0) {
            expect(seen(await read(log, before - 1, log.next - 1, 1e9))).toHaveLength(sizes.length);
          }
        }
      }),
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test("each log is another stream", () => {
    expect(logOf(MEGABYTE).streamId).not.toBe(logOf(MEGABYTE).streamId);
  });

  test("the oldest give way, and are then lost by retention", async () => {
    const log = logOf(100_000);
    for (let n = 0; n < 1_000; n++) log.append("a", json("x".repeat(1_000)), n);
    expect(log.bytes).toBeLessThanOrEqual(100_000);
    expect(log.earliest).toBeGreaterThan(900);
    expect(await log.streams()).toMatchObject([{ earliest: log.earliest, next: 1_000 }]);
    const through = log.earliest - 1;
    expect(await read(log, 5, 2_000)).toEqual({ kind: "lost", through, reason: "retention" });
    expect(await read(log, 5, 7)).toEqual({ kind: "lost", through: 7, reason: "retention" });
    expect(seen(await read(log, through, 2_000))).toHaveLength(1_000 - log.earliest);
  });

  test("whatever is appended, the memory is bounded and the newest can be read", async () => {
    const sizes = fc.array(fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(15_000)), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(sizes, async (sizes) => {
        const log = logOf(20_000);
        for (const [n, size] of sizes.entries()) {
          const appended = log.append("a", json("x".repeat(size)), n);
          expect(appended.offset).toBe(n);
          expect(log.bytes).toBeLessThanOrEqual(20_000);
          expect(seen(await read(log, n - 1, n))).toEqual([[n, "a", "x".repeat(size)]]);
        }
        const all = seen(await read(log, log.earliest - 1, log.next, 1e9));
        expect(all).toHaveLength(log.next - log.earliest);
      }),
      { numRuns: 30 },
    );
  });

  test("a message larger than the whole log, or of no channel, is refused and takes no offset", () => {
    const log = logOf(10_000);
    expect(() => log.append("a", json("x".repeat(10_000)), 0)).toThrow(RangeError);
    expect(() => log.append("a b", json(1), 0)).toThrow(RangeError);
    expect(log.append("a", json(1), 0).offset).toBe(0);
  });

  test("one read stops at its bytes, but not before the first record", async () => {
    const log = logOf(MEGABYTE);
    for (let n = 0; n < 10; n++) log.append("a", json("x".repeat(1_000)), n);
    expect(await read(log, 3, 9, 1)).toMatchObject({ kind: "read", through: 4 });
    expect(await read(log, 3, 9, 2_500)).toMatchObject({ kind: "read", through: 6 });
  });

  test("at the end there is nothing yet, beyond it the log is truncated, and another stream is gone", async () => {
    const log = logOf(MEGABYTE);
    expect(await read(log, -1, 5)).toEqual({ kind: "read", publications: [], through: -1 });
    log.append("a", json(1), 0);
    expect(await read(log, 0, 5)).toEqual({ kind: "read", publications: [], through: 0 });
    expect(await read(log, 1, 5)).toEqual({ kind: "truncated", next: 1 });
    expect(await log.read({ streamId: "another", after: 0, through: 1, bytesMax: 1 })).toEqual({
      kind: "gone",
    });
  });
});

describe("the embedded log in a shard", () => {
  let directory: string;
  let path: string;
  let log: EmbeddedLog;
  let server: LocalLogServer;
  let reader: LocalLogReader;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "shardcast-log-"));
    path = join(directory, "log.sock");
    log = logOf(MEGABYTE);
    server = new LocalLogServer({ path, log });
    reader = new LocalLogReader({ path });
  });

  afterEach(async () => {
    await reader.close();
    await server.close();
    await rm(directory, { recursive: true });
  });

  test("it reads what the supervisor reads", async () => {
    for (let n = 0; n < 2_000; n++) log.append("a", json("x".repeat(1_000)), n);
    expect(await reader.streams()).toEqual(await log.streams());
    for (const [after, through, bytesMax] of [
      [1_500, 1_600, 1_000_000],
      [1_500, 1_600, 1],
      [0, 5, 1_000],
      [1_999, 5_000, 1_000],
      [2_000, 5_000, 1_000],
    ] as const) {
      const [there, here] = [
        await read(log, after, through, bytesMax),
        await reader.read({ streamId: log.streamId, after, through, bytesMax }),
      ];
      if (here.kind !== "read") expect<RangeResult>(here).toEqual(there);
      else {
        expect(seen(here)).toEqual(seen(there));
        expect(here.through).toBe(there.kind === "read" ? there.through : Number.NaN);
      }
    }
    expect(await reader.read({ streamId: "another", after: 0, through: 1, bytesMax: 1 })).toEqual({
      kind: "gone",
    });
  });

  test("a supervisor that is gone is a log that is unavailable, until another is there", async () => {
    expect(await reader.streams()).toHaveLength(1);
    await server.close();
    expect(await failure(reader.streams())).toMatchObject({ name: "LogError", code: "log_unavailable" });
    expect(await failure(read(reader, 0, 1))).toMatchObject({ name: "LogError", code: "log_unavailable" });
    server = new LocalLogServer({ path, log });
    expect(await reader.streams()).toHaveLength(1);
  });

  test("a supervisor that hangs, and a caller that gives up, are a log that is unavailable", async () => {
    await server.close();
    const hanging: StreamLog = { ...silent, streams: () => Promise.withResolvers<never>().promise };
    server = new LocalLogServer({ path, log: hanging });
    const impatient = new LocalLogReader({ path, timeoutMs: 20 });
    expect(await failure(impatient.streams())).toMatchObject({ code: "log_unavailable" });
    const givingUp = read(reader, 0, 1, 1, AbortSignal.abort());
    expect(await failure(givingUp)).toMatchObject({ code: "log_unavailable" });
  });
});

const silent: StreamLog = {
  streams: () => Promise.resolve([]),
  read: () => Promise.resolve({ kind: "gone" }),
  close: () => Promise.resolve(),
};

async function read(
  log: StreamLog,
  after: number,
  through: number,
  bytesMax = MEGABYTE,
  signal?: AbortSignal,
): Promise<RangeResult> {
  const streamId = log instanceof EmbeddedLog ? log.streamId : "abcdefg";
  return log.read({ streamId, after, through, bytesMax, ...(signal === undefined ? {} : { signal }) });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
