import type { KafkaFixture } from "../../../test/services/kafkaFixture.ts";
import { KafkaSource, type KafkaSourceOptions } from "./kafka.ts";
import type { SourceBatch, SourceSink } from "./source.ts";

/** Of a source that commits and looks at its topics often, in a group of its own. */
export function sourceOptions(
  { connection }: Pick<KafkaFixture, "connection">,
  topic: string,
  more: Partial<KafkaSourceOptions> = {},
): KafkaSourceOptions {
  return {
    connection,
    groupId: newGroup(),
    topics: [topic],
    from: "latest",
    metadataIntervalMs: 200,
    commitIntervalMs: 50,
    sessionTimeoutMs: 6_000,
    ...more,
  };
}

/** Works with a source that reads, and stops it. */
export async function reading(
  settings: KafkaSourceOptions,
  work: (source: KafkaSource, sink: RecordingSink) => Promise<void>,
): Promise<void> {
  const source = new KafkaSource(settings);
  const sink = new RecordingSink();
  try {
    await source.start(sink);
    await work(source, sink);
  } finally {
    sink.release();
    await source.stop();
  }
}

export class RecordingSink implements SourceSink {
  readonly assignments: [name: string, next: number][] = [];
  readonly revocations: string[] = [];
  readonly batches: SourceBatch[] = [];
  #gate: PromiseWithResolvers<void> | undefined;

  assigned(stream: { readonly id: string; readonly name: string }, next: number): void {
    this.assignments.push([stream.name, next]);
  }

  revoked(streamId: string): void {
    this.revocations.push(streamId);
  }

  async accept(batch: SourceBatch): Promise<void> {
    this.batches.push(batch);
    await this.#gate?.promise;
  }

  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  records(topic: string) {
    return this.batches.flatMap(({ records }) => records).filter((record) => record.topic === topic);
  }

  values(topic: string): string[] {
    return this.records(topic).map(({ value }) => new TextDecoder().decode(value ?? new Uint8Array(0)));
  }

  distinct(topic: string): number {
    return new Set(this.values(topic)).size;
  }

  /** Whatever its owners were, each stream's batches cover it without a hole, in order but for repeats. */
  expectComplete(): void {
    for (const [stream, batches] of Map.groupBy(this.batches, ({ streamId }) => streamId)) {
      let through = -1;
      for (const batch of batches) {
        if (batch.after > through) throw new Error(`${stream} has a hole from ${through} to ${batch.after}`);
        through = Math.max(through, batch.through);
      }
    }
  }
}

/** Keeps producing distinct values to all partitions until it is stopped; then tells how many there were. */
export function startFeed(
  fixture: KafkaFixture,
  topic: string,
  partitions: number,
): { stop: () => Promise<number> } {
  let running = true;
  let sent = 0;
  const done = (async () => {
    while (running) {
      const records = Array.from({ length: 10 }, () => ({
        topic,
        partition: sent % partitions,
        key: null,
        value: `f-${sent++}`,
      }));
      await fixture.producer.send(records);
      await Bun.sleep(20);
    }
  })();
  return {
    stop: async () => {
      running = false;
      await done;
      return sent;
    },
  };
}

export function committed(source: KafkaSource): string {
  const partitions = [...source.stats().partitions].sort((a, b) => (a.name < b.name ? -1 : 1));
  return partitions.map(({ committed: offset }) => offset).join(",");
}

export function newGroup(): string {
  return `g-${crypto.randomUUID().slice(0, 8)}`;
}

export function numbered(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** Only the group's leader knows. */
export function strangersOf(...sources: readonly KafkaSource[]): number {
  return Math.max(...sources.map((source) => source.stats().strangers));
}
