import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import { createProducer } from "@shardcast/server/kafka/producer";
import { type Access, adminAccess } from "./access.ts";
import type { Scenario } from "./scenario.ts";
import { withoutSecret } from "./withoutSecrets.ts";

const TURN_MS = 10;
/** So soon it notices that it shall stop. */
const REST_MS_MAX = 100;
/** Batches on their way; beyond it publishing waits, and the intended times of its messages tell so. */
const UNDER_WAY_MAX = 64;
const BATCH_MAX = 1000;

/** Numbers that nobody took are remembered up to here; those beyond it count as lost too. */
const FAILED_NUMBERS_MAX = 100_000;
/** For what is under way when publishing stops. */
const GIVE_UP_MS = 30_000;
const CLOSE_MS_MAX = 5000;

interface Outgoing {
  readonly channel: string;
  readonly data: string;
}

/** A message's number within the channel, by which it is known. */
interface Numbered {
  readonly channel: number;
  readonly n: number;
}

export interface PublisherOptions {
  readonly scenario: Scenario;
  /** Marks this run's messages among others'. */
  readonly run: number;
  readonly kafka: KafkaConnectionOptions | undefined;
  readonly access: Access;
  /** Default 30,000. */
  readonly giveUpMs?: number;
}

type Send = (batch: readonly Outgoing[]) => Promise<unknown>;

/** Publishes numbered messages at a rate. Each holds the time at which it was due, however late it was sent. */
export class Publisher {
  /** By channel: how many were acknowledged. */
  readonly acknowledged: number[];
  /** By channel: how many numbers were given out. */
  readonly sent: number[];
  /** By channel, ascending: numbers that were given out and not acknowledged. */
  readonly failedNumbers: number[][];
  failed = 0;
  lastFailure = "";
  /** How many were due by the rate until now, or until it was stopped. */
  due = 0;
  readonly #scenario: Scenario;
  readonly #run: number;
  readonly #send: Send;
  readonly #close: () => Promise<void>;
  readonly #giveUpMs: number;
  readonly #givenUp = new AbortController();
  readonly #underWay = new Set<readonly Numbered[]>();
  /** undefined while it publishes. */
  #stoppedMs: number | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor({ scenario, run, kafka, access, giveUpMs = GIVE_UP_MS }: PublisherOptions) {
    this.#scenario = scenario;
    this.#run = run;
    this.acknowledged = scenario.channels.map(() => 0);
    this.sent = scenario.channels.map(() => 0);
    this.failedNumbers = scenario.channels.map(() => []);
    this.#giveUpMs = giveUpMs;
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
        const { signal } = this.#givenUp;
        const own = before.then(() => postBatch({ admin: scenario.admins[0] ?? "", batch, access, signal }));
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
    this.#stoppedMs = performance.now();
    await this.#running;
    const deadline = performance.now() + this.#giveUpMs;
    while (this.#underWay.size > 0 && performance.now() < deadline) await Bun.sleep(TURN_MS);
    // What nobody has answered by now is no success.
    for (const numbers of this.#underWay) this.#fail(numbers, "there was no answer in time");
    this.#givenUp.abort();
    for (const numbers of this.failedNumbers) numbers.sort((a, b) => a - b);
    // A connection that does not close is no reason to go without a report.
    await Promise.race([this.#close().catch((error: unknown) => this.#tell(error)), Bun.sleep(CLOSE_MS_MAX)]);
  }

  async #publish(): Promise<void> {
    const { channels } = this.#scenario;
    const startedMs = performance.now();
    let dueMs = startedMs;
    for (let turn = 0; ; ) {
      // The last turn is for what was due until then, and no later.
      const stoppedMs = this.#stoppedMs;
      const untilMs = stoppedMs ?? performance.now();
      const batch: Outgoing[] = [];
      const numbers: Numbered[] = [];
      for (const max = this.#isFull ? 0 : BATCH_MAX; dueMs <= untilMs && batch.length < max; turn++) {
        const channel = turn % channels.length;
        const n = this.sent[channel] ?? 0;
        this.sent[channel] = n + 1;
        batch.push({ channel: channels[channel] as string, data: this.#data(n, dueMs) });
        numbers.push({ channel, n });
        dueMs += this.#intervalMs((dueMs - startedMs) / 1000);
      }
      this.due += batch.length;
      if (batch.length > 0) this.#handOver(batch, numbers);
      if (stoppedMs !== undefined) break;
      do await Bun.sleep(this.#restMs(startedMs, dueMs));
      while (this.#isFull && this.#stoppedMs === undefined);
    }
    // What it did not come to, because too much was under way, was due all the same.
    for (const untilMs = this.#stoppedMs ?? 0; dueMs <= untilMs; this.due++)
      dueMs += this.#intervalMs((dueMs - startedMs) / 1000);
  }

  get #isFull(): boolean {
    return this.#underWay.size >= UNDER_WAY_MAX;
  }

  /** Messages that are far apart go out when they are due, so that none waits for a turn; others go together. */
  #restMs(startedMs: number, dueMs: number): number {
    const nowMs = performance.now();
    if (this.#intervalMs((nowMs - startedMs) / 1000) < TURN_MS || dueMs <= nowMs) return TURN_MS;
    return Math.min(dueMs - nowMs, REST_MS_MAX);
  }

  #intervalMs(atSeconds: number): number {
    const { messagesPerSecond, spike } = this.#scenario;
    const isSpike =
      spike !== undefined && atSeconds >= spike.atSeconds && atSeconds < spike.atSeconds + spike.seconds;
    return 1000 / (messagesPerSecond * (isSpike ? spike.factor : 1));
  }

  #handOver(batch: readonly Outgoing[], numbers: readonly Numbered[]): void {
    this.#underWay.add(numbers);
    this.#send(batch).then(
      () => {
        // An answer that comes after it was given up changes nothing: it was judged already.
        if (!this.#underWay.delete(numbers)) return;
        for (const { channel } of numbers) this.acknowledged[channel] = (this.acknowledged[channel] ?? 0) + 1;
      },
      (error: unknown) => {
        if (this.#underWay.has(numbers)) this.#fail(numbers, error);
      },
    );
  }

  #fail(numbers: readonly Numbered[], error: unknown): void {
    this.#underWay.delete(numbers);
    for (const { channel, n } of numbers)
      if (this.failed++ < FAILED_NUMBERS_MAX) this.failedNumbers[channel]?.push(n);
    this.#tell(error);
  }

  #tell(error: unknown): void {
    this.lastFailure = withoutSecret(error instanceof Error ? error.message : String(error));
  }

  #data(n: number, dueMs: number): string {
    const head = `{"lt":${this.#run},"n":${n},"t":${Math.round((performance.timeOrigin + dueMs) * 1000)},"p":"`;
    return `${head}${"x".repeat(Math.max(0, this.#scenario.payloadBytes - head.length - 2))}"}`;
  }
}

const ANSWER_MS_MAX = 30_000;

interface Post {
  readonly admin: string;
  readonly batch: readonly Outgoing[];
  readonly access: Access;
  readonly signal: AbortSignal;
}

async function postBatch({ admin, batch, access, signal }: Post): Promise<void> {
  const items = batch.map(({ channel, data }) => `{"channel":${JSON.stringify(channel)},"data":${data}}`);
  const response = await fetch(new URL("/api/publish", admin), {
    ...adminAccess(access),
    method: "POST",
    body: `[${items.join(",")}]`,
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${admin} answers ${response.status} to a publish: ${answer}`);
}
