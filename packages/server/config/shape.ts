import type { KafkaConnectionOptions } from "../kafka/options.ts";

export type Role = "all" | "ingest" | "gateway";
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/**
 * Everything that an instance was told, checked and complete. It is plain JSON, so that the supervisor can hand it
 * to its shards as it is. It holds secrets: print `redactConfig(config)` and never this.
 */
export interface Config {
  readonly instance: {
    /** Unique in the cluster. */
    readonly id: string;
    readonly region: string;
    readonly role: Role;
    /** Number of shard processes; `auto` has been resolved. */
    readonly shards: number;
  };
  /** How an instance that is to end sends its clients away. */
  readonly drain: {
    readonly waitMs: number;
    readonly clientsPerSecond: number;
    readonly timeoutMs: number;
  };
  /** How an instance that holds more clients than others sends some away. Shares are from 0 to 1. */
  readonly rebalance: {
    readonly isOn: boolean;
    readonly threshold: number;
    readonly roundShare: number;
    readonly clientsPerSecond: number;
    readonly pauseMs: number;
  };
  readonly gateway: {
    readonly host: string;
    /** 0: the first shard chooses and the others follow. */
    readonly port: number;
    /** Paths of PEM files, because they are read again. Absent: not encrypted. */
    readonly tls?: { readonly cert: string; readonly key: string };
    /** Of the whole instance. */
    readonly connectionsMax: number;
    readonly connectionsPerShardMax: number;
    /** Of all clients of the whole instance. */
    readonly subscriptionsMax: number;
    /** `*`, or origins such as `https://example.com` and `https://*.example.com`. */
    readonly allowedOrigins: readonly string[];
    /** The longest that a message waits so that others can leave in the same write. */
    readonly coalesceMsMax: number;
    /** Absent: no client gets deflated frames. */
    readonly deflate?: {
      readonly level: number;
      readonly frameBytesMax: number;
      readonly membershipsMax: number;
      readonly waitMsMax: number;
    };
  };
  /** Who is let in, and how fast. */
  readonly admission: {
    /** Of the whole instance. */
    readonly acceptsPerSecond: number;
    /** The same for one address. `auto`: only for addresses of the internet. 0: no limit. */
    readonly acceptsPerSecondPerAddress: number | "auto";
    /** In a busy shard: older, and the instance is saturated. */
    readonly frameAgeMsMax: number;
    readonly memory: {
      /** Of all processes of the instance. Absent: all of the machine. */
      readonly bytesMax?: number;
      readonly highPercent: number;
      readonly lowPercent: number;
    };
    readonly addresses: {
      /** Networks of the proxies whose X-Forwarded-For is believed. */
      readonly trustedProxies: readonly string[];
      /** What stands in front passes bytes on, so that clients' addresses are not known. */
      readonly hidden: boolean;
    };
  };
  readonly auth: {
    /** Absent: tokens are not looked at. */
    readonly tokens?: TokenConfig;
    /** What clients without a token may subscribe to. Empty: a token is required. */
    readonly anonymousChannels: readonly string[];
    readonly warningMs: number;
  };
  readonly admin: {
    readonly host: string;
    readonly port: number;
    /** Path of the file, because it is read again. Absent: no key is asked for. */
    readonly apiKeysFile?: string;
    readonly insecure: boolean;
  };
  readonly bus: {
    readonly url: string;
    /** Begins every name that this cluster uses on the bus. */
    readonly prefix: string;
    /** Of this region alone, or one of all regions, which then read Kafka as one group. */
    readonly scope: "region" | "global";
    /** PEM. */
    readonly ca?: string;
    /** Redis only: its certificate's names are not compared with its address. */
    readonly tlsAnyName: boolean;
    /** Both are instead of a login in the URL. */
    readonly username?: string;
    readonly password?: string;
    readonly token?: string;
    /** What a credentials file of NATS holds. */
    readonly natsCredentials?: string;
  };
  /** Absent where no brokers are configured: the log is then the supervisor's memory. */
  readonly kafka?: KafkaConfig;
  readonly routing: {
    readonly channelTemplate: string;
    /** Topic → its own template, before `channelTemplate`. */
    readonly topicTemplates: Readonly<Record<string, string>>;
  };
  readonly history: {
    readonly messagesPerChannel: number;
    readonly bytesPerShard: number;
    readonly seconds: number;
  };
  readonly embeddedLog: {
    readonly bytesMax: number;
  };
  /** Per client. */
  readonly limits: {
    /** Client → server. */
    readonly messageBytesMax: number;
    readonly subscriptionsMax: number;
    readonly requestsPerSecond: number;
    /** Requests that may come at once before `requestsPerSecond` counts. */
    readonly requestBurst: number;
    readonly handshakeTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly pingIntervalMs: number;
    /** Unsent bytes, in the kernel and here, at which a slow client is cut off. */
    readonly backpressureBytes: number;
  };
  /** How much one resume may read back from the log. */
  readonly resume: {
    readonly recordsMax: number;
    readonly bytesMax: number;
    readonly ageSecondsMax: number;
  };
  readonly demo: {
    readonly enabled: boolean;
    readonly messagesPerSecond: number;
  };
  readonly logging: {
    readonly level: LogLevel;
    readonly format: "json" | "pretty";
  };
}

export interface TokenConfig {
  /** For HS256. */
  readonly secret?: string;
  /** PEM. */
  readonly publicKey?: string;
  readonly jwksUrl?: string;
  readonly jwksCacheMs: number;
  readonly jwksStaleMs: number;
  readonly audience?: string;
  readonly issuer?: string;
  readonly leewaySeconds: number;
}

export interface KafkaConfig {
  readonly connection: KafkaConnectionOptions;
  /** Topics that this instance's cluster reads. At least one, unless only `publishTopic` is set. */
  readonly topics: readonly string[];
  readonly groupId: string;
  readonly from: "latest" | "earliest";
  /** Where records go that cannot be routed. */
  readonly deadLetterTopic?: string;
  /** Where HTTP publishes are appended. Also among `topics`, so that they reach the clients. */
  readonly publishTopic?: string;
}
