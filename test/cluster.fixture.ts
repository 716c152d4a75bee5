import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { createTopic, type NewTopic } from "@shardcast/server/kafka/topics";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { startHaproxy, type TestHaproxy } from "./services/haproxy.ts";
import { startKafka, type TestKafka } from "./services/kafka.ts";
import { startNats, type TestNats } from "./services/nats.ts";
import { freePorts } from "./services/ports.ts";
import { startRedis, type TestRedis } from "./services/redis.ts";

export interface ClusterOptions {
  readonly instances: number;
  /** Of each instance. */
  readonly shards: number;
  /** A server of this kind is started; with `elsewhere` none is, and `busUrl` names one. */
  readonly bus: "redis" | "nats" | "elsewhere";
  /** The log is another cluster's, which has made the topics and ends the broker. */
  readonly kafka?: TestKafka;
  readonly topics: readonly NewTopic[];
  /** Of every instance, further ones. */
  readonly flags?: readonly string[];
  /** Of HAProxy; chosen where it is left out. */
  readonly port?: number;
  /** Further members, which are known to HAProxy and not started. */
  readonly spares?: number;
  /** By which an instance reaches the bus, where that is not directly. */
  readonly busUrl?: (direct: string, id: string) => Promise<string> | string;
  /** Of single instances, further ones. */
  readonly flagsOf?: (id: string) => readonly string[];
  /** That instances are run from, instead of the sources. */
  readonly bundle?: string;
  /** Added to the environment of an instance's processes. */
  readonly env?: (id: string) => Readonly<Record<string, string>>;
}

/** One place in a cluster: its instance may be ended and started again under the same name and ports. */
export interface ClusterMember {
  readonly id: string;
  readonly port: number;
  readonly adminPort: number;
  /** undefined while it is down. */
  readonly instance: TestInstance | undefined;
  start(): Promise<TestInstance>;
  /** Ends the instance and all of its shards; resolves with the supervisor's exit code. */
  end(signal?: NodeJS.Signals): Promise<number>;
}

export interface TestCluster {
  /** For clients, through HAProxy. */
  readonly url: string;
  readonly kafka: TestKafka;
  readonly redis: TestRedis | undefined;
  readonly nats: TestNats | undefined;
  readonly haproxy: TestHaproxy;
  readonly members: readonly ClusterMember[];
  stop(): Promise<void>;
}

/** A whole cluster of real parts on this machine: Kafka, a bus, instances, and HAProxy before them. */
export async function startCluster(options: ClusterOptions): Promise<TestCluster> {
  const { bus, topics, shards, flags = [], spares = 0, busUrl = (direct) => direct } = options;
  const undo: Array<() => Promise<unknown>> = [];
  const stop = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const kafka = options.kafka ?? (await startKafka());
    if (options.kafka === undefined) {
      undo.push(() => kafka.stop());
      const admin = new KafkaCluster({ brokers: kafka.brokers, clientId: "cluster" });
      for (const topic of topics) await createTopic(admin, topic);
      await admin.close();
    }
    const redis = bus === "redis" ? await startRedis() : undefined;
    const nats = bus === "nats" ? await startNats() : undefined;
    undo.push(async () => await (redis ?? nats)?.stop());
    const common = [
      ...["--shards", `${shards}`],
      ...[
        "--kafka-brokers",
        kafka.brokers.join(","),
        "--kafka-topics",
        topics.map(({ name }) => name).join(","),
      ],
      ...flags,
    ];
    const ports = await freePorts(2 * (options.instances + spares));
    const members: ClusterMember[] = [];
    for (let index = 0; index < options.instances + spares; index++) {
      const id = String.fromCharCode(97 + index);
      const url = await busUrl((redis ?? nats)?.url ?? "", id);
      members.push(
        member({
          id,
          port: ports[2 * index] ?? 0,
          adminPort: ports[2 * index + 1] ?? 0,
          flags: ["--bus", url, ...common, ...(options.flagsOf?.(id) ?? [])],
          env: options.env?.(id) ?? {},
          ...(options.bundle !== undefined && { bundle: options.bundle }),
        }),
      );
    }
    undo.push(() => Promise.all(members.map((each) => each.end())));
    await Promise.all(members.slice(0, options.instances).map((each) => each.start()));
    const proxied = members.map(({ id, port }) => ({ name: id, port }));
    const haproxy = await startHaproxy(proxied, {
      slowStart: false,
      ...(options.port === undefined ? {} : { port: options.port }),
    });
    undo.push(() => haproxy.stop());
    return { url: `ws://127.0.0.1:${haproxy.port}/ws`, kafka, redis, nats, haproxy, members, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface MemberOptions {
  readonly id: string;
  readonly port: number;
  readonly adminPort: number;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly bundle?: string;
}

function member({ id, flags, ...options }: MemberOptions): ClusterMember {
  let instance: TestInstance | undefined;
  return {
    id,
    port: options.port,
    adminPort: options.adminPort,
    get instance() {
      return instance;
    },
    async start() {
      const started = await startInstance(["--instance", id, ...flags], options);
      instance = started;
      void started.exited.then(() => {
        if (instance === started) instance = undefined;
      });
      return started;
    },
    end: async (signal = "SIGTERM") => (await instance?.end(signal)) ?? 0,
  };
}
