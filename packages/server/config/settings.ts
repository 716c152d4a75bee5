import { ADMISSION_SETTINGS } from "./admissionSettings.ts";
import { AUTH_SETTINGS } from "./authSettings.ts";
import { BUS_SETTINGS } from "./busSettings.ts";
import { DEPARTURE_SETTINGS } from "./departureSettings.ts";
import { HISTORY_SETTINGS } from "./historySettings.ts";
import { HOST } from "./hostName.ts";
import { KAFKA_CONNECTION_SETTINGS, KAFKA_SETTINGS, TOPIC } from "./kafkaSettings.ts";
import { checkedText, choice, flag, integer, integerOrAuto, list, map, path, text } from "./kinds.ts";
import { LIMIT_SETTINGS } from "./limitSettings.ts";
import type { Setting } from "./setting.ts";
import { channelTemplateFault } from "./templateFault.ts";
import { WIRE_SETTINGS } from "./wireSettings.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const ORIGIN =
  /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?)$/;

/** The one schema: every setting of an instance, in the order of help and reference. Large groups have files of their own. */
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
  ...AUTH_SETTINGS,
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
  ...BUS_SETTINGS,
  ...KAFKA_CONNECTION_SETTINGS,
  ...KAFKA_SETTINGS,
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
  ...HISTORY_SETTINGS,
  ...LIMIT_SETTINGS,
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
