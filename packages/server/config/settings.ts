import { ADMISSION_SETTINGS } from "./admissionSettings.ts";
import { busUrlFault } from "./busSchemes.ts";
import { DEPARTURE_SETTINGS } from "./departureSettings.ts";
import {
  bytes,
  checkedText,
  choice,
  fileContents,
  flag,
  integer,
  integerOrAuto,
  list,
  map,
  path,
  text,
} from "./kinds.ts";
import type { Setting } from "./setting.ts";
import { channelTemplateFault } from "./templateFault.ts";
import { WIRE_SETTINGS } from "./wireSettings.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const PREFIX = /^(?=.{1,63}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
const HOST = /^[A-Za-z0-9:._%-]{1,253}$/;
/** Kafka's own grammar of topic names. */
const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
const BROKER = /^(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$/;
const ORIGIN =
  /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)$/;
const GRANTED = /^(?:\*|(?=.{1,255}$)[A-Za-z0-9_:@$=+~-]+(?:\.[A-Za-z0-9_:@$=+~-]+)*(?:\.\*)?)$/;
/** A key set that somebody on the way could replace would let anybody in. */
const KEY_SET_URL = /^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[:/])[^\s@]+$/;
const TOPIC_EXPECTS = "a Kafka topic name: up to 249 letters, digits, dots, underscores and dashes";

/** How to reach Kafka. `shardcast produce` takes the same. */
export const KAFKA_CONNECTION_SETTINGS = {
  kafkaBrokers: {
    name: "kafka-brokers",
    kind: list("host:port, separated by commas", BROKER, "<host:port,…>", 64),
    group: "kafka",
    doc: "Brokers to connect to first; the cluster names the others. Without it there is no Kafka.",
  },
  kafkaSaslMechanism: {
    name: "kafka-sasl-mechanism",
    kind: choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
    group: "kafka",
    doc: "How to log in to the brokers. Username and password belong to it.",
  },
  kafkaSaslUsername: {
    name: "kafka-sasl-username",
    kind: text("a username", /^.{1,1000}$/, "<name>"),
    group: "kafka",
    doc: "Username for the brokers.",
  },
  kafkaSaslPassword: {
    name: "kafka-sasl-password",
    kind: text("a password", /^[^\r\n]{1,10000}$/, "<password>"),
    group: "kafka",
    doc: "Password for the brokers. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
  },
  kafkaTls: {
    name: "kafka-tls",
    kind: flag(),
    group: "kafka",
    doc: "Encrypt the connections to the brokers.",
    default: false,
  },
  kafkaTlsCa: {
    name: "kafka-tls-ca",
    kind: fileContents(),
    group: "kafka",
    doc: "PEM file of the authority that signed the brokers' certificates.",
    derived: "the authorities that the runtime knows",
  },
  kafkaTlsCert: {
    name: "kafka-tls-cert",
    kind: fileContents(),
    group: "kafka",
    doc: "PEM file of the certificate that identifies this client. Its key belongs to it.",
  },
  kafkaTlsKey: {
    name: "kafka-tls-key",
    kind: fileContents(),
    group: "kafka",
    doc: "PEM file of the key of `kafka-tls-cert`.",
  },
  kafkaTlsServerName: {
    name: "kafka-tls-server-name",
    kind: text("a host name", HOST, "<host>"),
    group: "kafka",
    doc: "Name to look for in the brokers' certificates.",
    derived: "each broker's host",
  },
  kafkaTlsInsecure: {
    name: "kafka-tls-insecure",
    kind: flag(),
    group: "kafka",
    doc: "Accept any certificate. Anyone in between can then read and change everything: for trying out only.",
    default: false,
  },
} as const satisfies Record<string, Setting>;

export const LOGGING_SETTINGS = {
  logLevel: {
    name: "log-level",
    kind: choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    group: "logging",
    doc: "The least important lines to write.",
    default: "info",
  },
  logFormat: {
    name: "log-format",
    kind: choice(["json", "pretty"]),
    group: "logging",
    doc: "`json`: one object a line, for machines. `pretty`: for people.",
    derived: "pretty on a terminal, json elsewhere",
  },
} as const satisfies Record<string, Setting>;

/** The one schema: every setting of an instance, in the order of help and reference. */
export const SETTINGS = {
  config: {
    name: "config",
    kind: path(),
    group: "instance",
    doc: "File of settings, YAML or JSON. Its keys are the flags' names without dashes in front.",
    where: "flag and variable",
  },
  instance: {
    name: "instance",
    kind: text("up to 63 letters, digits, dashes and underscores", NAME, "<id>"),
    group: "instance",
    doc: "Id of this instance, unique in the cluster.",
    derived: "host name and port, such as `web1-3000`",
  },
  region: {
    name: "region",
    kind: text("up to 63 letters, digits, dashes and underscores", NAME, "<name>"),
    group: "instance",
    doc: "Region of this instance. Each region has a bus and a consumer group of its own on the same Kafka, unless `bus-scope` is `global`.",
    default: "default",
  },
  role: {
    name: "role",
    kind: choice(["all", "ingest", "gateway"]),
    group: "instance",
    doc: "`ingest` consumes and publishes and serves no clients; `gateway` serves clients and does not consume.",
    default: "all",
  },
  shards: {
    name: "shards",
    kind: integerOrAuto(1, 256),
    group: "instance",
    doc: "Number of shard processes. `auto` is one per core but one, at least one.",
    default: "auto",
  },
  host: {
    name: "host",
    kind: text("a host name or an address", HOST, "<address>"),
    group: "gateway",
    doc: "Address of the public port. `::` serves IPv4 too.",
    default: "::",
  },
  port: {
    name: "port",
    kind: integer(0, 65_535),
    group: "gateway",
    doc: "Public port, shared by all shards. 0 chooses a free one.",
    default: 3000,
  },
  maxConnections: {
    name: "max-connections",
    kind: integerOrAuto(1, 10_000_000),
    group: "gateway",
    doc: "Clients of the whole instance. `auto` is what the limit of open files lets the shards hold, at most 50000. A number beyond that limit is refused at start.",
    default: "auto",
  },
  tlsCert: {
    name: "tls-cert",
    kind: path(),
    group: "gateway",
    doc: "PEM file of the public port's certificate, and of those between it and its authority. Its key belongs to it. Read again on SIGHUP.",
    derived: "the public port is not encrypted",
  },
  tlsKey: {
    name: "tls-key",
    kind: path(),
    group: "gateway",
    doc: "PEM file of the key of `tls-cert`. Read again on SIGHUP.",
  },
  allowedOrigins: {
    name: "allowed-origins",
    kind: list(
      "`*`, or origins such as https://example.com or https://*.example.com",
      ORIGIN,
      "<origin,…>",
      256,
    ),
    group: "gateway",
    doc:
      "Origins of web pages that may connect. No cookie or other ambient right is ever used, so `*` gives a page " +
      "nothing that its visitor could not fetch without it. Clients that send no `Origin` are always let in.",
    default: ["*"],
  },
  ...ADMISSION_SETTINGS,
  ...WIRE_SETTINGS,
  ...DEPARTURE_SETTINGS,
  jwtSecret: {
    name: "jwt-secret",
    kind: text("a secret of 32 to 1000 characters", /^[^\r\n]{32,1000}$/, "<secret>"),
    group: "auth",
    doc: "Secret of tokens that are signed with HS256. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
  },
  jwtPublicKey: {
    name: "jwt-public-key",
    kind: fileContents(),
    group: "auth",
    doc: "PEM file with the public key (RSA: RS256, P-256: ES256, Ed25519: EdDSA) of who signs the tokens; one of each type at most.",
  },
  jwtJwksUrl: {
    name: "jwt-jwks-url",
    kind: text("an https:// URL (http:// only of this machine)", KEY_SET_URL, "<url>"),
    group: "auth",
    doc: "Where the public keys of who signs the tokens are found (a JWKS).",
  },
  jwtJwksCacheSeconds: {
    name: "jwt-jwks-cache-seconds",
    kind: integer(10, 86_400),
    group: "auth",
    doc: "The key set is fetched anew this often, so that a key that was withdrawn is believed no longer.",
    default: 300,
  },
  jwtJwksStaleSeconds: {
    name: "jwt-jwks-stale-seconds",
    kind: integer(10, 7 * 86_400),
    group: "auth",
    doc: "Keys that can not be fetched anew are believed up to this age. Beyond it tokens are refused with 503.",
    default: 3600,
  },
  jwtAudience: {
    name: "jwt-audience",
    kind: text("a text", /^[^\r\n]{1,1000}$/, "<audience>"),
    group: "auth",
    doc: "What `aud` of a token must name.",
  },
  jwtIssuer: {
    name: "jwt-issuer",
    kind: text("a text", /^[^\r\n]{1,1000}$/, "<issuer>"),
    group: "auth",
    doc: "What `iss` of a token must be.",
  },
  jwtLeewaySeconds: {
    name: "jwt-leeway-seconds",
    kind: integer(0, 300),
    group: "auth",
    doc: "How far the clocks of issuer and server may differ.",
    default: 5,
  },
  tokenWarningSeconds: {
    name: "token-warning-seconds",
    kind: integer(0, 3600),
    group: "auth",
    doc: "How long before its token expires a client is told, so that it can send a new one.",
    default: 30,
  },
  anonymousChannels: {
    name: "anonymous-channels",
    kind: list("`*`, channels, or patterns such as news.*", GRANTED, "<channel,…>", 1024),
    group: "auth",
    doc: "What clients without a token may subscribe to; clients with one may, too.",
    derived: "`*` where no key for tokens is set up, otherwise nothing: a token is required",
  },
  adminHost: {
    name: "admin-host",
    kind: text("a host name or an address", HOST, "<address>"),
    group: "admin",
    doc: "Address of the admin port. Beyond this machine it needs --api-keys-file, because who reaches it can publish and see everything.",
    default: "127.0.0.1",
  },
  adminPort: {
    name: "admin-port",
    kind: integer(0, 65_535),
    group: "admin",
    doc: "Port for health, metrics and the API. 0 chooses a free one.",
    default: 3001,
  },
  apiKeysFile: {
    name: "api-keys-file",
    kind: path(),
    group: "admin",
    doc: "File of API keys for the admin port, a line each: `name:scope,scope:key`, the scopes publish, read and admin. Read again on SIGHUP.",
    derived: "no key is asked for",
  },
  adminInsecure: {
    name: "admin-insecure",
    kind: flag(),
    group: "admin",
    doc: "Let --admin-host be beyond this machine without keys, such as behind a proxy that asks for a login.",
    default: false,
  },
  bus: {
    name: "bus",
    kind: checkedText("the URL of a bus", "<url>", busUrlFault),
    group: "bus",
    doc: "What carries messages to all shards. `local:` is this instance alone; docs/bus.md has the others.",
    default: "local:",
    secret: "url",
  },
  busPrefix: {
    name: "bus-prefix",
    kind: text(
      "up to 63 letters, digits, dashes and underscores, and single dots between them",
      PREFIX,
      "<name>",
    ),
    group: "bus",
    doc: "Begins all names that this cluster uses on the bus and in Kafka. Two clusters need two.",
    default: "shardcast",
  },
  busScope: {
    name: "bus-scope",
    kind: choice(["region", "global"]),
    group: "bus",
    doc:
      "Whose bus it is. `region`: this region's own; each region has a consumer group, too. `global`: one bus of all regions, " +
      "such as a NATS super-cluster; they share one consumer group, so that each record crosses it once.",
    default: "region",
  },
  busCa: {
    name: "bus-ca",
    kind: fileContents(),
    group: "bus",
    doc: "PEM file of the authority that signed the certificate of the bus' server.",
    derived: "the authorities that the runtime knows",
  },
  busTlsAnyName: {
    name: "bus-tls-any-name",
    kind: flag(),
    group: "bus",
    doc:
      "Do not compare the names in the certificate of a Redis with its address: what `bus-ca` signed will do. For an " +
      "authority that signs for this one server alone, as that of Google's Memorystore does.",
    default: false,
  },
  busUsername: {
    name: "bus-username",
    kind: text("a username", /^[^\r\n]{1,1000}$/, "<name>"),
    group: "bus",
    doc: "Username for the bus, where the URL does not hold it.",
  },
  busPassword: {
    name: "bus-password",
    kind: text("a password", /^[^\r\n]{1,10000}$/, "<password>"),
    group: "bus",
    doc: "Password for the bus, where the URL does not hold it. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
  },
  busToken: {
    name: "bus-token",
    kind: text("a token", /^[^\r\n]{1,10000}$/, "<token>"),
    group: "bus",
    doc: "Token for NATS, where the URL does not hold it. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
  },
  busNatsCreds: {
    name: "bus-nats-creds",
    kind: fileContents(),
    group: "bus",
    doc: "Credentials file (JWT and key) for NATS, or a file with the seed of an nkey.",
  },
  ...KAFKA_CONNECTION_SETTINGS,
  kafkaTopics: {
    name: "kafka-topics",
    kind: list("topic names, separated by commas", TOPIC, "<topic,…>", 1024),
    group: "kafka",
    doc: "Topics to read.",
  },
  kafkaGroup: {
    name: "kafka-group",
    kind: text("up to 249 printable characters without spaces", /^[!-~]{1,249}$/, "<id>"),
    group: "kafka",
    doc: "Consumer group of this cluster. Two clusters in one group would each get only a part.",
    derived:
      "`<bus-prefix>.<region>`, such as `shardcast.default`; `<bus-prefix>.global` where `bus-scope` is `global`",
  },
  kafkaFrom: {
    name: "kafka-from",
    kind: choice(["latest", "earliest"]),
    group: "kafka",
    doc: "Where a group that has no position yet begins to read.",
    default: "latest",
  },
  kafkaDeadLetterTopic: {
    name: "kafka-dead-letter-topic",
    kind: text(TOPIC_EXPECTS, TOPIC, "<topic>"),
    group: "kafka",
    doc: "Topic for records that cannot be routed.",
    derived: "they are counted and sampled in the log",
  },
  publishTopic: {
    name: "publish-topic",
    kind: text(TOPIC_EXPECTS, TOPIC, "<topic>"),
    group: "kafka",
    doc: "Topic to which HTTP publishes are appended, so that they are as durable as everything else. It is read too.",
    derived: "the instance's memory",
  },
  channelTemplate: {
    name: "channel-template",
    kind: checkedText("a channel template such as {key}.{topic}", "<template>", channelTemplateFault),
    group: "routing",
    doc: "Makes a record's channel from its topic, key, headers and JSON fields.",
    default: "{key}.{topic}",
  },
  topicTemplates: {
    name: "topic-templates",
    kind: map({
      expects: "topic=template",
      name: TOPIC,
      value: channelTemplateFault,
      placeholder: "<topic=template>",
      max: 1024,
    }),
    group: "routing",
    doc: "Templates for single topics, before `channel-template`. May be repeated; in a config file a map.",
    default: {},
  },
  historyMessages: {
    name: "history-messages",
    kind: integer(0, 1_000_000),
    group: "history",
    doc: "Messages that each channel keeps in memory for clients that come back.",
    default: 1000,
  },
  historyBytes: {
    name: "history-bytes",
    kind: bytes(0, 64 * 2 ** 30),
    group: "history",
    doc: "Memory for history in each shard, over all channels.",
    default: 64 * 2 ** 20,
  },
  historySeconds: {
    name: "history-seconds",
    kind: integer(0, 7 * 86_400),
    group: "history",
    doc: "Age at which a message leaves the history.",
    default: 300,
  },
  embeddedLogBytes: {
    name: "embedded-log-bytes",
    // A message of 1 MiB takes a little more with its channel, envelope and index.
    kind: bytes(2 * 2 ** 20, 64 * 2 ** 30),
    group: "history",
    doc: "Memory of the supervisor's own log, which holds what comes from HTTP and the demo feed. A batch of publishes that it can not hold at once is refused as a whole.",
    default: 64 * 2 ** 20,
  },
  resumeMaxRecords: {
    name: "resume-max-records",
    kind: integer(0, 100_000_000),
    group: "history",
    doc: "Records that one resume may read from the log where the history does not reach back far enough.",
    default: 100_000,
  },
  resumeMaxBytes: {
    name: "resume-max-bytes",
    kind: bytes(0, 64 * 2 ** 30),
    group: "history",
    doc: "Bytes that one resume may read from the log.",
    default: 32 * 2 ** 20,
  },
  resumeMaxAgeSeconds: {
    name: "resume-max-age-seconds",
    kind: integer(0, 30 * 86_400),
    group: "history",
    doc: "How far back one resume may read in the log. Beyond it the client is told `recovered: false`.",
    default: 3600,
  },
  maxMessageBytes: {
    name: "max-message-bytes",
    kind: bytes(128, 16 * 2 ** 20),
    group: "limits",
    doc: "Size of one message from a client.",
    default: 64 * 2 ** 10,
  },
  maxSubscriptions: {
    name: "max-subscriptions",
    kind: integer(1, 100_000),
    group: "limits",
    doc: "Channels that one client may subscribe to at once.",
    default: 1000,
  },
  maxRequestsPerSecond: {
    name: "max-requests-per-second",
    kind: integer(1, 100_000),
    group: "limits",
    doc: "Requests that one client may send; twice as many may come at once.",
    default: 50,
  },
  handshakeTimeoutMs: {
    name: "handshake-timeout-ms",
    kind: integer(100, 120_000),
    group: "limits",
    doc: "A connection on the public port that is no WebSocket (yet) is closed when nothing was asked on it for this long, rounded up to steps of 4 s. A first request that does not end is cut off after 8 to 12 s, whatever is set here.",
    default: 10_000,
  },
  idleTimeoutMs: {
    name: "idle-timeout-ms",
    kind: integer(2_000, 900_000),
    group: "limits",
    doc: "A connection on which nothing comes, not even a pong, is closed after this time.",
    default: 60_000,
  },
  pingIntervalMs: {
    name: "ping-interval-ms",
    kind: integer(1_000, 600_000),
    group: "limits",
    doc: "Time between two pings, by which both sides notice a dead connection.",
    default: 25_000,
  },
  backpressureBytes: {
    name: "backpressure-bytes",
    kind: bytes(16 * 2 ** 10, 2 ** 30),
    group: "limits",
    doc: "Unsent bytes at which a slow client is disconnected, on Linux those in the kernel included. It can come back and resume. Where a larger publication was sent within the last minute or two, the budget is that and a quarter more.",
    default: 2 ** 20,
  },
  demo: {
    name: "demo",
    kind: flag(),
    group: "demo",
    doc: "Publish a lively, invented market of some dozens of symbols.",
    default: false,
  },
  demoRate: {
    name: "demo-rate",
    kind: integer(1, 100_000),
    group: "demo",
    doc: "Messages per second of the demo feed.",
    default: 100,
  },
  ...LOGGING_SETTINGS,
} as const satisfies Record<string, Setting>;
