import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import { createProducer } from "@shardcast/server/kafka/producer";
import { type Access, adminAccess } from "./access.ts";
import type { Scenario } from "./scenario.ts";

const TURN_MS = 10;
/** Batches on their way; beyond it publishing waits, and the intended times of its messages tell so. */
const UNDER_WAY_MAX = 64;
const BATCH_MAX = 1000;

interface Outgoing {
  readonly channel: string;
  readonly data: string;
}

export interface PublisherOptions {
  readonly scenario: Scenario;
  /** Marks this run's messages among others'. */
  readonly run: number;
  readonly kafka: KafkaConnectionOptions | undefined;
  readonly access: Access;
}

type Send = (batch: readonly Outgoing[]) => Promise<unknown>;

/** Publishes numbered messages at a rate. Each holds the time at which it was due, however late it was sent. */
export class Publisher {
  /** By channel: how many were acknowledged. */
  readonly acknowledged: number[];
  failed = 0;
  lastFailure = "";
  /** How many were due by the rate until now, or until it was stopped. */
  due = 0;
  readonly #scenario: Scenario;
  readonly #run: number;
  readonly #send: Send;
  readonly #close: () => Promise<void>;
  readonly #next: number[];
  #underWay = 0;
  #isStopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor({ scenario, run, kafka, access }: PublisherOptions) {
    this.#scenario = scenario;
    this.#run = run;
    this.acknowledged = scenario.channels.map(() => 0);
    this.#next = scenario.channels.map(() => 0);
    if (scenario.publish === "kafka") {
      if (kafka === undefined) throw new Error("publishing through Kafka needs brokers");
      const producer = createProducer({ connection: kafka });
      const suffix = `.${scenario.topic}`;
      this.#send = (batch) =>
        producer.send(
          batch.map(({ channel, data }) => ({
            topic: scenario.topic,
            key: channel.endsWith(suffix) ? channel.slice(0, -suffix.length) : channel,
            value: data,
          })),
        );
      this.#close = () => producer.close();
    } else {
      let before: Promise<unknown> = Promise.resolve();
      // One request after the other: two at once could overtake each other, and that would be no fault of the server.
      this.#send = (batch) => {
        const own = before.then(() => postBatch(scenario.admins[0] ?? "", batch, access));
        before = own.catch(() => undefined);
        return own;
      };
      this.#close = () => Promise.resolve();
    }
  }

  start(): void {
    this.#running = this.#publish();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    const deadline = performance.now() + 30_000;
    while (this.#underWay > 0 && performance.now() < deadline) await Bun.sleep(TURN_MS);
    await this.#close();
  }

  async #publish(): Promise<void> {
    const { channels } = this.#scenario;
    const startedMs = performance.now();
    let dueMs = startedMs;
    for (let turn = 0; !this.#isStopping; ) {
      const batch: Outgoing[] = [];
      const numbers: number[] = [];
      for (const nowMs = performance.now(); dueMs <= nowMs && batch.length < BATCH_MAX; turn++) {
        const channel = turn % channels.length;
        batch.push({ channel: channels[channel] as string, data: this.#data(channel, dueMs) });
        numbers.push(channel);
        dueMs += this.#intervalMs((dueMs - startedMs) / 1000);
      }
      this.due += batch.length;
      if (batch.length > 0) this.#handOver(batch, numbers);
      do await Bun.sleep(TURN_MS);
      while (this.#underWay >= UNDER_WAY_MAX && !this.#isStopping);
    }
    // What it did not come to, because too much was under way, was due all the same.
    for (const nowMs = performance.now(); dueMs <= nowMs; this.due++)
      dueMs += this.#intervalMs((dueMs - startedMs) / 1000);
  }

  #intervalMs(atSeconds: number): number {
    const { messagesPerSecond, spike } = this.#scenario;
    const isSpike =
      spike !== undefined && atSeconds >= spike.atSeconds && atSeconds < spike.atSeconds + spike.seconds;
    return 1000 / (messagesPerSecond * (isSpike ? spike.factor : 1));
  }

  #handOver(batch: readonly Outgoing[], numbers: readonly number[]): void {
    this.#underWay += 1;
    this.#send(batch)
      .then(
        () => {
          for (const channel of numbers) this.acknowledged[channel] = (this.acknowledged[channel] ?? 0) + 1;
        },
        (error: unknown) => {
          this.failed += batch.length;
          this.lastFailure = error instanceof Error ? error.message : String(error);
        },
      )
      .finally(() => {
        this.#underWay -= 1;
      });
  }

  #data(channel: number, dueMs: number): string {
    const n = this.#next[channel] ?? 0;
    this.#next[channel] = n + 1;
    const head = `{"lt":${this.#run},"n":${n},"t":${Math.round((performance.timeOrigin + dueMs) * 1000)},"p":"`;
    return `${head}${"x".repeat(Math.max(0, this.#scenario.payloadBytes - head.length - 2))}"}`;
  }
}

const ANSWER_MS_MAX = 30_000;

async function postBatch(admin: string, batch: readonly Outgoing[], access: Access): Promise<void> {
  const items = batch.map(({ channel, data }) => `{"channel":${JSON.stringify(channel)},"data":${data}}`);
  const response = await fetch(new URL("/api/publish", admin), {
    ...adminAccess(access),
    method: "POST",
    body: `[${items.join(",")}]`,
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${admin} answers ${response.status} to a publish: ${answer}`);
}
