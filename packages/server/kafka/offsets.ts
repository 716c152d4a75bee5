import { CONTROL_LANE, type KafkaCluster } from "./cluster.ts";
import { KafkaError, responseOf } from "./kafkaError.ts";
import { listOffsetsV7 } from "./library.ts";

/** Kafka's special timestamps. */
export const EARLIEST = -2n;
export const LATEST = -1n;

export interface PartitionAt {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number;
}

/**
 * The earliest offset or the one after the last stable one, of each partition by `topic/partition`. With `uncommitted`
 * the latest is the high watermark. Rejects with a `KafkaError`.
 */
export async function listOffsets(
  cluster: KafkaCluster,
  partitions: readonly PartitionAt[],
  timestamp: bigint,
  uncommitted = false,
): Promise<Map<string, number>> {
  const leaders = Map.groupBy(partitions, ({ leader }) => leader);
  const answers = await Promise.all(
    [...leaders].map(([leader, own]) => {
      const request = requestOf(own, timestamp);
      const isolation = uncommitted ? 0 : 1;
      return cluster.call(leader, CONTROL_LANE, doingOf(own), listOffsetsV7.api, -1, isolation, request);
    }),
  );
  return new Map(answers.flatMap(offsetsIn));
}

export interface KnownOffsets {
  /** By `topic/partition`; partitions without an answer are not in it. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Why some have none, where it is not only that they have no leader. */
  readonly failure: KafkaError | undefined;
}

/**
 * As `listOffsets`, but one partition without a leader, or one broker that is away, hides nothing else: brokers that
 * do not answer within `patienceMs` are left out.
 */
export async function listKnownOffsets(
  cluster: KafkaCluster,
  partitions: readonly PartitionAt[],
  timestamp: bigint,
  patienceMs: number,
): Promise<KnownOffsets> {
  const leaders = Map.groupBy(
    partitions.filter(({ leader }) => leader >= 0),
    ({ leader }) => leader,
  );
  const answers = await Promise.all(
    [...leaders].map(async ([leader, own]) => {
      const doing = doingOf(own);
      const asking = cluster.use(leader, CONTROL_LANE, doing, async (connection) => {
        try {
          return await listOffsetsV7.api.async(connection, -1, 1, requestOf(own, timestamp));
        } catch (error) {
          // The library rejects when any partition has an error, but the answer holds the others.
          const answer = responseOf(error);
          if (answer === undefined) throw error;
          return answer as OffsetsAnswer;
        }
      });
      return await withinPatience(asking, patienceMs, doing).catch((error: unknown) => {
        if (error instanceof KafkaError) return error;
        throw error;
      });
    }),
  );
  return {
    offsets: new Map(answers.flatMap((answer) => (answer instanceof KafkaError ? [] : offsetsIn(answer)))),
    failure: answers.find((answer) => answer instanceof KafkaError),
  };
}

type OffsetsAnswer = Awaited<ReturnType<typeof listOffsetsV7.api.async>>;

function requestOf(partitions: readonly PartitionAt[], timestamp: bigint) {
  return [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: -1,
      timestamp,
    })),
  }));
}

function doingOf(partitions: readonly PartitionAt[]): string {
  return `read the offsets of ${[...new Set(partitions.map(({ topic }) => topic))].join(", ")}`;
}

function offsetsIn({ topics }: OffsetsAnswer): Array<readonly [name: string, offset: number]> {
  return topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, Number(offset)] as const),
  );
}

async function withinPatience<T>(work: Promise<T>, patienceMs: number, doing: string): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new KafkaError("kafka_unreachable", `Could not ${doing}: no answer within ${patienceMs} ms.`));
  }, patienceMs);
  // Whichever comes second is nobody's business any more.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
