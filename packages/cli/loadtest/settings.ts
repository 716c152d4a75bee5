import { KAFKA_CONNECTION_SETTINGS } from "@shardcast/server/config/kafkaSettings";
import {
  choice,
  decimal,
  fileContents,
  flag,
  integer,
  list,
  path,
  text,
} from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { urls } from "../url.ts";
import { numbers } from "./numbersKind.ts";
import { THRESHOLD_SETTINGS } from "./thresholdSettings.ts";

const own = { group: "command", where: "flag" } as const;

/** Those that a scenario file may hold too, by the same key. */
export const SCENARIO_SETTINGS = {
  urls: {
    ...{ name: "urls", ...own },
    kind: urls(["ws", "wss"], 64),
    doc: "Where the clients connect, in turn.",
  },
  admins: {
    ...{ name: "admins", ...own },
    kind: urls(["http", "https"], 64),
    doc: "Each instance's admin port, or a name that stands for several: for their metrics, and the first one for HTTP publishes.",
  },
  withoutMetrics: {
    ...{ name: "without-metrics", ...own },
    kind: flag(),
    doc: "Do without the servers' own figures. Otherwise it is a failure when they cannot be had.",
  },
  redis: {
    ...{ name: "redis", ...own },
    kind: text("a redis:// or rediss:// URL", /^rediss?:\/\/[^\s]+$/, "<url>"),
    doc: "The bus' Redis, whose INFO goes into the report.",
    secret: "url",
  },
  nats: {
    ...{ name: "nats", ...own },
    kind: text("an http:// or https:// URL", /^https?:\/\/[^\s]+$/, "<url>"),
    doc: "The monitoring port of the bus' NATS, whose /varz goes into the report.",
  },
  kafkaGroup: {
    ...{ name: "kafka-group", ...own },
    kind: SETTINGS.kafkaGroup.kind,
    doc: "Consumer group whose lag the brokers are asked for.",
  },
  connections: {
    ...{ name: "connections", alsoCalled: ["clients"], ...own },
    kind: integer(1, 1_000_000),
    doc: "Clients.",
  },
  connectionsPerSecond: {
    ...{ name: "connections-per-second", ...own },
    kind: integer(1, 100_000),
    doc: "How fast they come.",
  },
  handshakesAtOnce: {
    ...{ name: "handshakes-at-once", ...own },
    kind: integer(1, 100_000),
    doc: "Handshakes under way at once; further ones wait, which is told.",
  },
  holdSeconds: {
    ...{ name: "hold-seconds", ...own },
    kind: decimal(0.1, 86_400),
    doc: "How long messages are published once all are there.",
  },
  waitSeconds: {
    ...{ name: "wait-seconds", ...own },
    kind: decimal(0.1, 3600),
    doc: "How long to wait for the last clients, and for the last deliveries.",
  },
  channels: {
    ...{ name: "channels", ...own },
    kind: list("channel names, separated by commas", /^[^\s,]+$/, "<name,…>", 10_000),
    doc: "Channels; coin{1-500}.load stands for 500.",
  },
  choose: {
    ...{ name: "choose", ...own },
    kind: choice(["all", "one", "random", "zipf"]),
    doc: "Which of them a client subscribes to: all, one in turn, random ones, or the first ones most.",
  },
  channelsPerClient: {
    ...{ name: "channels-per-client", ...own },
    kind: integer(1, 1000),
    doc: "How many, where the choice is random or zipf.",
  },
  policy: {
    ...{ name: "policy", ...own },
    kind: choice(["lossless", "latest"]),
    doc: "Of every subscription. Of `latest` clients must end on the last value, and nothing else is missed.",
  },
  maxRate: {
    ...{ name: "max-rate", ...own },
    kind: decimal(0.2, 1_000_000),
    doc: "Subscribe to the newest value of each channel, at most so many times a second.",
  },
  encoding: {
    ...{ name: "encoding", ...own },
    kind: choice(["plain", "deflate"]),
    doc: "How messages come: each in a text frame, or several in one deflated frame.",
  },
  publish: {
    ...{ name: "publish", ...own },
    kind: choice(["http", "kafka", "none"]),
    doc: "Who publishes: this program through the first of --admins or through Kafka, or somebody else.",
  },
  topic: {
    ...{ name: "topic", ...own },
    kind: SETTINGS.publishTopic.kind,
    doc: "Kafka topic to write to; a channel BTC.load is its key BTC where the topic is load.",
  },
  messagesPerSecond: {
    ...{ name: "messages-per-second", ...own },
    kind: decimal(0.01, 1_000_000),
    doc: "Over all channels.",
  },
  payloadBytes: {
    ...{ name: "payload-bytes", ...own },
    kind: integer(60, 1_000_000),
    doc: "Size of a message's data.",
  },
  churnPerSecond: {
    ...{ name: "churn-per-second", ...own },
    kind: decimal(0, 100_000),
    doc: "Clients that leave, and come as new ones.",
  },
  spike: {
    ...{ name: "spike", ...own },
    kind: numbers(["atSeconds", "seconds", "factor"]),
    doc: "Multiplies the rate for a while.",
  },
  storm: {
    ...{ name: "storm", ...own },
    kind: numbers(["atSeconds", "share"]),
    doc: "Cuts this share of the connections at once.",
  },
  slow: {
    ...{ name: "slow", ...own },
    kind: numbers(["share", "pauseMs", "everyMs"]),
    doc: "Clients that stop reading for a while, again and again.",
  },
} as const satisfies Record<string, Setting>;

export const LOADTEST_SETTINGS = {
  scenario: {
    ...{ name: "scenario", ...own },
    kind: path(),
    doc: "YAML file of a scenario, such as loadtests/smoke.yaml. Flags stand above it.",
  },
  ...SCENARIO_SETTINGS,
  token: {
    ...{ name: "token", group: "command", where: "flag and variable" },
    kind: text("a token", /^[A-Za-z0-9._~+/=-]{1,8192}$/, "<token>"),
    doc: "Token that every client shows. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
  },
  tokenBy: {
    ...{ name: "token-by", ...own },
    kind: choice(["header", "subprotocol"]),
    doc: "How: as a header of the handshake, or as browsers do, among the subprotocols.",
    default: "header",
  },
  apiKey: {
    ...{ name: "api-key", group: "command", where: "flag and variable" },
    kind: text("an API key", /^[!-~]{1,512}$/, "<key>"),
    doc: "API key of the admin ports, with the scopes read and publish. Prefer the file.",
    secret: "whole",
  },
  tlsCa: {
    ...{ name: "tls-ca", ...own },
    kind: fileContents(),
    doc: "PEM file of the authority that signed the certificates of wss:// and https:// targets.",
  },
  tlsInsecure: {
    ...{ name: "tls-insecure", ...own },
    kind: flag(),
    doc: "Take any certificate.",
    default: false,
  },
  report: {
    ...{ name: "report", ...own },
    kind: path(),
    doc: "Where the report goes as JSON; the page goes beside it, as .html.",
    default: "loadtest.json",
  },
  json: {
    ...{ name: "json", ...own },
    kind: flag(),
    doc: "Print the figures and checks as JSON, without the samples, which are in the report.",
    default: false,
  },
  ...THRESHOLD_SETTINGS,
  config: SETTINGS.config,
  ...KAFKA_CONNECTION_SETTINGS,
} as const satisfies Record<string, Setting>;
