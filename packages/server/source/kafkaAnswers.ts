import { partitionKey } from "../kafka/assign.ts";
import type { KafkaCluster } from "../kafka/cluster.ts";
import type { FetchedPartition } from "../kafka/fetch.ts";
import { KafkaError, PROTOCOL } from "../kafka/kafkaError.ts";
import { EARLIEST, LATEST, listOffsets } from "../kafka/offsets.ts";
import { decodeRecords } from "../kafka/recordBatches.ts";
import type { PartitionReading } from "./kafkaPartition.ts";
import type { KafkaSourceCounters } from "./kafkaStats.ts";
import type { SourceLogger, SourceSink } from "./source.ts";

export interface KafkaAnswersOptions {
  readonly cluster: KafkaCluster;
  readonly sink: SourceSink;
  readonly counters: KafkaSourceCounters;
  readonly logger: SourceLogger;
  /** A partition was fetched without an error. */
  readonly served: () => void;
  readonly failed: (error: KafkaError) => void;
  /** There is something new to fetch. */
  readonly wake: () => void;
  /** Another leader, a topic made anew, a broker that starts: a look at the cluster tells. */
  readonly lookSoon: () => void;
}

/** What becomes of what brokers answer to a fetch: records for the sink, or another position. */
export class KafkaAnswers {
  readonly #options: KafkaAnswersOptions;

  constructor(options: KafkaAnswersOptions) {
    this.#options = options;
  }

  take(reading: PartitionReading, fetched: FetchedPartition): void {
    const { sink, counters, logger, served, failed, wake, lookSoon } = this.#options;
    if (fetched.errorCode === PROTOCOL.offsetOutOfRange) {
      reading.repositioning = true;
      void this.#reposition(reading);
      return;
    }
    if (fetched.errorCode !== 0) {
      reading.notBefore = performance.now() + RETRY_MS;
      failed(
        new KafkaError("kafka_refused", `Could not fetch ${reading.name}: Kafka error ${fetched.errorCode}`),
      );
      lookSoon();
      return;
    }
    const { name: stream, topic, partition, position } = reading;
    if (fetched.divergesAt !== undefined) {
      counters.outOfRange++;
      const message = "the log has lost its end and grown again; going on where it parted";
      logger("warn", message, { stream, position, next: fetched.divergesAt });
      reading.jump(Math.min(position, fetched.divergesAt));
      return;
    }
    served();
    reading.highWatermark = fetched.highWatermark;
    const decoded = decodeRecords(fetched, { topic, partition, offset: position });
    if (decoded.next > position) {
      counters.batches++;
      counters.records += decoded.records.length;
      counters.bytes += decoded.bytes;
      reading.hand(sink, decoded, wake);
    }
    if (decoded.unreadable !== undefined) {
      const { first, last, error } = decoded.unreadable;
      counters.unreadable++;
      const fields = { stream, first, last, error: error.message };
      logger("error", "skipping records that can not be decoded", fields);
      // Where it ends is in the damaged bytes themselves; it is at most where the log ends.
      reading.jump(Math.max(reading.position + 1, Math.min(last + 1, fetched.lastStableOffset)));
    }
  }

  /** After retention has overtaken the position, or the log has lost its end. */
  async #reposition(reading: PartitionReading): Promise<void> {
    const { cluster, counters, logger, failed, wake } = this.#options;
    counters.outOfRange++;
    try {
      const earliest = (await listOffsets(cluster, [reading], EARLIEST)).get(partitionKey(reading)) ?? 0;
      const latest = (await listOffsets(cluster, [reading], LATEST)).get(partitionKey(reading)) ?? 0;
      const next = reading.position < earliest ? earliest : Math.min(reading.position, latest);
      const fields = { stream: reading.name, position: reading.position, earliest, latest, next };
      logger("warn", "the log no longer has the position; going on where it can be read", fields);
      reading.jump(next);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      failed(error);
      reading.notBefore = performance.now() + RETRY_MS;
    }
    reading.repositioning = false;
    wake();
  }
}

/** Before a partition is asked for again whose fetch was refused. */
const RETRY_MS = 100;
