import { choice, decimal, integer, list, path } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { KAFKA_CONNECTION_SETTINGS, SETTINGS } from "@shardcast/server/config/settings";

export const LOADTEST_SETTINGS = {
  scenario: {
    name: "scenario",
    kind: path(),
    group: "command",
    doc: "YAML file of a scenario, such as loadtests/smoke.yaml. Flags stand above it.",
    where: "flag",
  },
  urls: {
    name: "urls",
    kind: list("ws:// URLs, separated by commas", /^ws:\/\/[^\s,]+$/, "<url,…>", 64),
    group: "command",
    doc: "Where the clients connect, in turn.",
    where: "flag",
  },
  admins: {
    name: "admins",
    kind: list("http:// URLs, separated by commas", /^https?:\/\/[^\s,]+$/, "<url,…>", 64),
    group: "command",
    doc: "Each instance's admin port: for its metrics, and the first one for HTTP publishes.",
    where: "flag",
  },
  connections: {
    name: "connections",
    kind: integer(1, 1_000_000),
    group: "command",
    doc: "Clients.",
    where: "flag",
  },
  connectionsPerSecond: {
    name: "connections-per-second",
    kind: integer(1, 100_000),
    group: "command",
    doc: "How fast they come.",
    where: "flag",
  },
  holdSeconds: {
    name: "hold-seconds",
    kind: decimal(0.1, 86_400),
    group: "command",
    doc: "How long messages are published once all are there.",
    where: "flag",
  },
  publish: {
    name: "publish",
    kind: choice(["http", "kafka", "none"]),
    group: "command",
    doc: "Who publishes: this program through the first of --admins or through Kafka, or somebody else.",
    where: "flag",
  },
  topic: {
    name: "topic",
    kind: SETTINGS.publishTopic.kind,
    group: "command",
    doc: "Kafka topic to write to; a channel BTC.load is its key BTC where the topic is load.",
    where: "flag",
  },
  messagesPerSecond: {
    name: "messages-per-second",
    kind: decimal(0.01, 1_000_000),
    group: "command",
    doc: "Over all channels.",
    where: "flag",
  },
  payloadBytes: {
    name: "payload-bytes",
    kind: integer(60, 1_000_000),
    group: "command",
    doc: "Size of a message's data.",
    where: "flag",
  },
  json: {
    name: "json",
    kind: path(),
    group: "command",
    doc: "Where the report goes as JSON; the page goes beside it, as .html.",
    default: "loadtest.json",
    where: "flag",
  },
  config: SETTINGS.config,
  ...KAFKA_CONNECTION_SETTINGS,
} as const satisfies Record<string, Setting>;

/** Those that a scenario file may hold too, by the same key. */
export const OVER_SCENARIO = [
  "urls",
  "admins",
  "connections",
  "connectionsPerSecond",
  "holdSeconds",
  "publish",
  "topic",
  "messagesPerSecond",
  "payloadBytes",
] as const;
