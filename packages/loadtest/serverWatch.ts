import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { groupLag } from "@shardcast/server/kafka/groupLag";
import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import type { Access } from "./access.ts";
import { adminPortsOf, type Resolve } from "./adminPorts.ts";
import type { Scenario } from "./scenario.ts";
import { type InstanceSample, scrapeBus, scrapeInstance } from "./scrape.ts";
import { withoutSecret } from "./withoutSecrets.ts";

export interface ServerSample {
  readonly instances: Readonly<Record<string, InstanceSample>>;
  readonly bus: Readonly<Record<string, number>>;
  /** By the brokers; undefined where none were given, or they did not say. */
  readonly kafkaLag: number | undefined;
}

/** Looks at the servers beside their clients: instances, bus, brokers. */
export class ServerWatch {
  /** By page, why it could not be read the last time that this happened. */
  readonly failures: Record<string, string> = {};
  readonly #scenario: Scenario;
  readonly #access: Access;
  readonly #resolve: Resolve | undefined;
  readonly #cluster: KafkaCluster | undefined;

  constructor(
    scenario: Scenario,
    access: Access,
    kafka: KafkaConnectionOptions | undefined,
    resolve?: Resolve,
  ) {
    this.#scenario = scenario;
    this.#access = access;
    this.#resolve = resolve;
    this.#cluster = kafka && new KafkaCluster(kafka);
  }

  async look(): Promise<ServerSample> {
    const { admins, redis, nats } = this.#scenario;
    const [found, redisFigures, natsFigures, kafkaLag] = await Promise.all([
      Promise.all(admins.map((admin) => this.#lookAt(admin))),
      redis && this.#read(redis, scrapeBus("redis", redis)),
      nats && this.#read(nats, scrapeBus("nats", nats)),
      this.#cluster && this.#read("Kafka", this.#lag(this.#cluster)),
    ]);
    const instances: Record<string, InstanceSample> = {};
    for (const [admin, sample] of found.flat())
      if (sample !== undefined) instances[withoutSecret(admin)] = sample;
    return { instances, bus: { ...(redisFigures || {}), ...(natsFigures || {}) }, kafkaLag };
  }

  async end(): Promise<void> {
    await this.#cluster?.close();
  }

  /** Asks for the name's addresses at each look: instances come and go while clients are on them. */
  async #lookAt(admin: string): Promise<Array<readonly [url: string, sample: InstanceSample | undefined]>> {
    const ports = await this.#read(admin, adminPortsOf(admin, this.#resolve));
    return await Promise.all(
      (ports ?? []).map(
        async (port) => [port.url, await this.#read(port.url, scrapeInstance(port, this.#access))] as const,
      ),
    );
  }

  async #lag(cluster: KafkaCluster): Promise<number> {
    const { kafkaGroup, topic } = this.#scenario;
    const lag = await groupLag(cluster, kafkaGroup, topic);
    if (lag === undefined)
      throw new Error(
        `the group ${kafkaGroup} has committed nothing in ${topic}: is it the servers' kafka-group?`,
      );
    return lag;
  }

  async #read<T>(name: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.failures[withoutSecret(name)] = withoutSecret(message);
      return undefined;
    }
  }
}
