import { expect, test } from "bun:test";
import type { DecodedRecords } from "../kafka/recordBatches.ts";
import type { SourceRecord } from "../publication.ts";
import { PartitionReading } from "./kafkaPartition.ts";
import { PublisherError } from "./publisher.ts";
import type { SourceBatch, SourceSink } from "./source.ts";

function reading(): PartitionReading {
  return new PartitionReading({ topic: "t", partition: 0 }, "id", 1, {
    next: 0,
    firstPartitions: 1,
    committed: true,
  });
}

function decoded(from: number, next: number, epochs: DecodedRecords["epochs"] = []): DecodedRecords {
  const records = Array.from({ length: next - from }, (_, i): SourceRecord => {
    return {
      topic: "t",
      partition: 0,
      offset: from + i,
      timestampMs: 0,
      key: null,
      value: null,
      headers: [],
    };
  });
  return { records, bytes: 100, next, epochs, unreadable: undefined };
}

/** Accepts when it is told to. */
function sinkOf(batches: SourceBatch[], accepts: (() => void)[] = []): SourceSink {
  return {
    assigned: () => undefined,
    revoked: () => undefined,
    accept: (batch) => {
      batches.push(batch);
      return new Promise((resolve) => accepts.push(resolve));
    },
  };
}

test("what several leaders have written is handed over in batches of one leader each, without a hole", () => {
  const batches: SourceBatch[] = [];
  const partition = reading();
  const epochs = [
    { epoch: 3, through: 4 },
    { epoch: 5, through: 5 },
    { epoch: 6, through: 9 },
  ];
  partition.hand(sinkOf(batches), decoded(0, 10, epochs), () => undefined);
  expect(
    batches.map(({ after, through, epoch, records }) => [after, through, epoch, records.length]),
  ).toEqual([
    [-1, 4, 3, 5],
    [4, 5, 5, 1],
    [5, 9, 6, 4],
  ]);
  expect([partition.position, partition.epoch]).toEqual([10, 6]);
});

test("after the log has lost its end commits go on from there, and what was under way does not count", async () => {
  const batches: SourceBatch[] = [];
  const accepts: (() => void)[] = [];
  const sink = sinkOf(batches, accepts);
  const partition = reading();
  partition.hand(sink, decoded(0, 100), () => undefined);
  accepts.shift()?.();
  await undefined;
  partition.committed = partition.accepted;
  partition.hand(sink, decoded(100, 110), () => undefined);
  partition.jump(50);
  expect([partition.position, partition.accepted]).toEqual([50, 50]);
  // A commit is due, although the group had committed 100.
  expect(partition.accepted).toBeGreaterThan(partition.committed);
  // The old batch is accepted late: it says nothing of the new records at its offsets.
  accepts.shift()?.();
  await undefined;
  expect(partition.accepted).toBe(50);
  partition.hand(sink, decoded(50, 60), () => undefined);
  expect(batches.at(-1)).toMatchObject({ after: 49, through: 59 });
  accepts.shift()?.();
  await undefined;
  expect(partition.accepted).toBe(60);
  expect(partition.pendingBytes).toBe(0);
});

test("however many batches are accepted behind one that is not, what is remembered of them stays small", async () => {
  const accepts: (() => void)[] = [];
  const sink = sinkOf([], accepts);
  const partition = reading();
  for (let batch = 0; batch < 1_000; batch++) {
    partition.hand(sink, decoded(batch * 10, batch * 10 + 10), () => undefined);
    // The first one waits, as for its dead letters, and one in the middle too.
    if (batch !== 0 && batch !== 500) accepts.splice(batch < 500 ? 1 : 2, 1)[0]?.();
    await undefined;
  }
  expect(partition.batchesRemembered).toBeLessThan(6);
  expect(partition.accepted).toBe(0);
  accepts[0]?.();
  await undefined;
  expect(partition.accepted).toBe(5_000);
  accepts[1]?.();
  await undefined;
  expect([partition.accepted, partition.batchesRemembered, partition.pendingBytes]).toEqual([10_000, 0, 0]);
});

test("a sink that gives the stream up ends the reading; any other rejection is a defect, and is thrown", async () => {
  const rejecting = (error: Error): SourceSink => ({
    ...sinkOf([]),
    accept: () => Promise.reject(error),
  });
  const thrown: unknown[] = [];
  for (const code of ["publisher_closed", "stream_not_assigned"] as const) {
    const partition = reading();
    partition.hand(rejecting(new PublisherError(code, "")), decoded(0, 1), () => undefined);
    await undefined;
    expect(partition.ended).toBe(true);
  }
  const defect = new RangeError("offsets stand out of order");
  const partition = reading();
  partition.hand(
    rejecting(defect),
    decoded(0, 1),
    () => undefined,
    (error) => thrown.push(error),
  );
  await undefined;
  expect(thrown).toEqual([defect]);
});
