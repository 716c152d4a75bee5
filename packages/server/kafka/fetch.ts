import { type Connection, fetchV13, type Reader } from "./library.ts";

/** Reads only what transactions have committed: the broker then ends at the last stable offset. */
const READ_COMMITTED = 1;

export interface FetchTarget {
  readonly topicId: string;
  readonly partition: number;
  /** The first offset wanted. */
  readonly offset: number;
  readonly bytesMax: number;
  /** The leader epoch of the record before `offset`, where known: a log that holds another there says where it parted. */
  readonly lastEpoch?: number | undefined;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface FetchedPartition {
  readonly topicId: string;
  readonly partition: number;
  /** Kafka's error code; 0 is none, and then everything below holds. */
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** All transactions that overlap what was fetched and were aborted, whenever they began. */
  readonly aborted: readonly AbortedTransaction[];
  /** The log parted from `lastEpoch` here: what was read from this offset on is not in it any more. */
  readonly divergesAt: number | undefined;
  /** Record batches as they lie in the log; the last may be cut. */
  readonly bytes: Buffer;
}

export interface FetchLimits {
  /** How long the broker may wait for a first byte. */
  readonly maxWaitMs: number;
  /** Of the whole answer. The broker exceeds it rather than return nothing when one batch alone is larger. */
  readonly bytesMax: number;
}

/**
 * One Fetch request. The answer is parsed here and not by the library, which would decode all record batches at once:
 * one batch that can not be decoded would then cost the whole answer, and what is below the wanted offset, or aborted,
 * would be decoded in vain.
 */
export function fetchPartitions(
  connection: Connection,
  targets: readonly FetchTarget[],
  limits: FetchLimits,
): Promise<FetchedPartition[]> {
  const topics = new Map<string, FetchTarget[]>();
  for (const target of targets) {
    const list = topics.get(target.topicId);
    if (list === undefined) topics.set(target.topicId, [target]);
    else list.push(target);
  }
  const request = () =>
    fetchV13.createRequest(
      limits.maxWaitMs,
      1,
      limits.bytesMax,
      READ_COMMITTED,
      0,
      -1,
      [...topics].map(([topicId, partitions]) => ({
        topicId,
        partitions: partitions.map(({ partition, offset, bytesMax, lastEpoch }) => ({
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: BigInt(offset),
          lastFetchedEpoch: lastEpoch ?? -1,
          partitionMaxBytes: bytesMax,
        })),
      })),
      [],
      "",
    );
  return new Promise((resolve, reject) => {
    const { key, version } = fetchV13.api;
    connection.send<FetchedPartition[]>(
      key,
      version,
      request,
      parseResponse,
      true,
      true,
      (error, fetched) => {
        if (error !== null || fetched === undefined) reject(error ?? new Error("the broker sent no answer"));
        else resolve(fetched);
      },
    );
  });
}

function parseResponse(
  _correlationId: number,
  _key: number,
  _version: number,
  reader: Reader,
): FetchedPartition[] {
  reader.readInt32(); // throttle time
  const errorCode = reader.readInt16();
  reader.readInt32(); // session
  const fetched: FetchedPartition[] = [];
  reader.readArray((topic) => {
    const topicId = topic.readUUID();
    topic.readArray((partition) => void fetched.push(parsePartition(topicId, partition)), true, false);
  });
  reader.readTaggedFields();
  if (errorCode !== 0 && fetched.length === 0)
    throw new Error(`the broker refused the fetch with error ${errorCode}`);
  return fetched;
}

function parsePartition(topicId: string, reader: Reader): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = Number(reader.readInt64());
  const lastStableOffset = Number(reader.readInt64());
  reader.readInt64(); // log start offset
  const aborted =
    reader.readNullableArray((transaction) => ({
      producerId: transaction.readInt64(),
      firstOffset: transaction.readInt64(),
    })) ?? [];
  reader.readInt32(); // preferred read replica
  const length = Math.max(0, reader.readUnsignedVarInt() - 1);
  const bytes = length === 0 ? EMPTY : reader.buffer.slice(reader.position, reader.position + length);
  reader.skip(length);
  const divergesAt = parseDivergence(reader);
  return { topicId, partition, errorCode, highWatermark, lastStableOffset, aborted, divergesAt, bytes };
}

/** The tagged fields of a partition, of which the first says where epoch and offset part from the leader's log. */
function parseDivergence(reader: Reader): number | undefined {
  let divergesAt: number | undefined;
  for (let left = reader.readUnsignedVarInt(); left > 0; left--) {
    const tag = reader.readUnsignedVarInt();
    const end = reader.readUnsignedVarInt() + reader.position;
    if (tag === DIVERGING_EPOCH) {
      reader.readInt32(); // the last epoch that both know
      divergesAt = Number(reader.readInt64());
    }
    reader.skip(end - reader.position);
  }
  return divergesAt;
}

const DIVERGING_EPOCH = 0;

const EMPTY = Buffer.alloc(0);
