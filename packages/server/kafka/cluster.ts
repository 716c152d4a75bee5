import { isIP } from "node:net";
import type { TopicPartition } from "./assign.ts";
import { KafkaError, PROTOCOL, protocolCodeOf, toKafkaError } from "./kafkaError.ts";
import {
  type API,
  apiVersionsV3,
  type Broker,
  Connection,
  type ConnectionOptions,
  fetchV13,
  joinGroupV9,
  listOffsetsV7,
  metadataV12,
  offsetCommitV8,
  produceV9,
} from "./library.ts";
import type { KafkaConnectionOptions } from "./options.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * A broker answers the requests of one connection one after the other, so what may wait there (a long poll, a group
 * that forms) gets a connection of its own: a lane.
 */
export interface Lane {
  readonly name: string;
  readonly requestTimeoutMs: number;
}

export const CONTROL_LANE: Lane = { name: "control", requestTimeoutMs: REQUEST_TIMEOUT_MS };

export interface TopicMetadata {
  readonly name: string;
  readonly id: string;
  /** By partition; −1 where it has no leader at the moment. */
  readonly leaders: readonly number[];
}

export function partitionsOf(topics: ReadonlyMap<string, TopicMetadata>): TopicPartition[] {
  return [...topics.values()].flatMap(({ name, leaders }) =>
    [...leaders.keys()].map((partition) => ({ topic: name, partition })),
  );
}

/** Version 13 of Fetch names topics by id; all the versions below came with Kafka 3.2 at the latest. */
const REQUIRED = [fetchV13, joinGroupV9, listOffsetsV7, metadataV12, offsetCommitV8, produceV9].map(
  ({ api }) => api,
);

/** The connections to one Kafka cluster: who is where, and one call to one broker. It retries nothing by itself. */
export class KafkaCluster {
  readonly #options: KafkaConnectionOptions;
  readonly #bootstrap: readonly Broker[];
  readonly #nodes = new Map<number, Broker>();
  readonly #connections = new Map<string, Promise<Connection>>();
  /** Addresses of brokers that have answered, which they do only to who speaks as they expect. */
  readonly #answered = new Set<string>();
  #versionsChecked = false;
  #closed = false;

  constructor(options: KafkaConnectionOptions) {
    this.#options = options;
    this.#bootstrap = options.brokers.map(parseBroker);
  }

  /** Rejects with a `KafkaError`. */
  async call<A extends unknown[], R>(
    node: number,
    lane: Lane,
    doing: string,
    api: API<A, R>,
    ...args: A
  ): Promise<R> {
    return await this.use(node, lane, doing, (connection) => api.async(connection, ...args));
  }

  /** Runs `work` with the connection of a node and lane. Rejects with a `KafkaError`. */
  async use<R>(
    node: number,
    lane: Lane,
    doing: string,
    work: (connection: Connection) => Promise<R>,
  ): Promise<R> {
    const broker = this.#nodes.get(node);
    if (broker === undefined)
      throw new KafkaError("kafka_unreachable", `Could not ${doing}: broker ${node} is not known.`);
    return await this.#ask(broker, lane, doing, work);
  }

  /** Runs `work` with the first broker that can be reached. Rejects with a `KafkaError`. */
  async useAny<R>(doing: string, work: (connection: Connection) => Promise<R>): Promise<R> {
    let failure: KafkaError | undefined;
    for (const broker of [...this.#nodes.values(), ...this.#bootstrap]) {
      try {
        return await this.#ask(broker, CONTROL_LANE, `${doing} (Kafka broker ${addressOf(broker)})`, work);
      } catch (error) {
        // Another broker would answer the same to anything but a broken connection.
        if (!(error instanceof KafkaError) || error.code !== "kafka_unreachable") throw error;
        failure = error;
      }
    }
    throw failure ?? new KafkaError("kafka_unreachable", `Could not ${doing}: no brokers are configured.`);
  }

  /** Those of the topics that exist, as they are now. */
  async topics(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    const doing = `read the metadata of ${names.join(", ") || "the cluster"}`;
    const response = await this.useAny(doing, async (connection) => {
      try {
        return await metadataV12.api.async(connection, [...names], false, false);
      } catch (error) {
        // The library rejects when any topic has an error, but the answer holds the others.
        const answer = metadataOf(error);
        if (answer === undefined) throw error;
        return answer;
      }
    });
    for (const { nodeId, host, port } of response.brokers) this.#nodes.set(nodeId, { host, port });
    const topics = new Map<string, TopicMetadata>();
    for (const { name, topicId, errorCode, partitions } of response.topics) {
      if (errorCode === PROTOCOL.topicAuthorizationFailed) {
        const message = `Topic ${name} may not be described by this user. Grant it the access it needs (ACLs).`;
        throw new KafkaError("kafka_authorization", message, { protocolCode: errorCode });
      }
      if (errorCode !== 0 || name == null) continue;
      const leaders: number[] = new Array(partitions.length).fill(-1);
      for (const partition of partitions) leaders[partition.partitionIndex] = partition.leaderId;
      topics.set(name, { name, id: topicId, leaders });
    }
    return topics;
  }

  /** The id of some broker that is known to the cluster. */
  async someNode(): Promise<number> {
    if (this.#nodes.size === 0) await this.topics([]);
    for (const node of this.#nodes.keys()) return node;
    throw new KafkaError("kafka_unreachable", "Could not reach any broker: the cluster names none.");
  }

  learn(node: number, broker: Broker): void {
    this.#nodes.set(node, broker);
  }

  /** Cuts a lane: calls that wait there reject. */
  async closeLane(lane: Lane): Promise<void> {
    const suffix = `/${lane.name}`;
    const doomed = [...this.#connections].filter(([key]) => key.endsWith(suffix));
    for (const [key] of doomed) this.#connections.delete(key);
    await Promise.all(doomed.map(([, connection]) => closeQuietly(connection)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(connections.map(closeQuietly));
  }

  async #ask<R>(
    broker: Broker,
    lane: Lane,
    doing: string,
    work: (connection: Connection) => Promise<R>,
  ): Promise<R> {
    const address = addressOf(broker);
    try {
      const answer = await work(await this.#connect(broker, lane));
      this.#answered.add(address);
      return answer;
    } catch (error) {
      throw toKafkaError(error, doing, this.#answered.has(address));
    }
  }

  #connect(broker: Broker, lane: Lane): Promise<Connection> {
    if (this.#closed) throw new KafkaError("kafka_closed", "The connection to Kafka was closed.");
    const key = `${addressOf(broker)}/${lane.name}`;
    const existing = this.#connections.get(key);
    if (existing !== undefined) return existing;
    const connection = new Connection(this.#options.clientId, connectionOptions(this.#options, broker, lane));
    const opening = this.#open(connection, broker);
    this.#connections.set(key, opening);
    const forget = () => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
    };
    connection.on("close", forget);
    // Without a listener the event would be thrown; the calls that wait are rejected by the connection itself.
    connection.on("error", forget);
    opening.catch(forget);
    return opening;
  }

  async #open(connection: Connection, broker: Broker): Promise<Connection> {
    await connection.connect(broker.host, broker.port);
    if (!this.#versionsChecked) {
      const { apiKeys } = await apiVersionsV3.api.async(connection, "shardcast", "1");
      for (const { key, version } of REQUIRED) {
        const offered = apiKeys.find(({ apiKey }) => apiKey === key);
        if (offered === undefined || version < offered.minVersion || version > offered.maxVersion) {
          await connection.close();
          throw new KafkaError(
            "kafka_unsupported",
            `The broker ${addressOf(broker)} is too old: Kafka 3.2 or newer is needed.`,
          );
        }
      }
      this.#versionsChecked = true;
    }
    return connection;
  }
}

function metadataOf(error: unknown): Awaited<ReturnType<typeof metadataV12.api.async>> | undefined {
  if (protocolCodeOf(error) === 0 || !(error instanceof Error) || !("response" in error)) return undefined;
  return error.response as Awaited<ReturnType<typeof metadataV12.api.async>>;
}

function addressOf({ host, port }: Broker): string {
  return `${host}:${port}`;
}

function parseBroker(address: string): Broker {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(address.trim());
  if (match === null)
    throw new KafkaError("kafka_unreachable", `The broker address ${address} is not host:port.`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

function connectionOptions(options: KafkaConnectionOptions, broker: Broker, lane: Lane): ConnectionOptions {
  const { sasl, tls } = options;
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: lane.requestTimeoutMs,
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            rejectUnauthorized: tls.rejectUnauthorized,
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
          },
          ...serverName(tls.serverName ?? broker.host),
        }),
  };
}

/** TLS knows no server names that are addresses; the certificate is then checked against the address itself. */
function serverName(name: string): { tlsServerName?: string } {
  return isIP(name) === 0 ? { tlsServerName: name } : {};
}

async function closeQuietly(connection: Promise<Connection>): Promise<void> {
  try {
    await (await connection).close();
  } catch {
    // It never opened, and whoever waited for it has been told.
  }
}
