import { HOST } from "./hostName.ts";
import { choice, fileContents, flag, list, text } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** Kafka's own grammar of topic names. */
export const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
const BROKER = /^(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$/;
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

/** What this cluster reads from Kafka, and writes to it. */
export const KAFKA_SETTINGS = {
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
} as const satisfies Record<string, Setting>;
