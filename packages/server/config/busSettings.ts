import { busUrlFault } from "./busSchemes.ts";
import { checkedText, choice, fileContents, flag, text } from "./kinds.ts";
import type { Setting } from "./setting.ts";

const PREFIX = /^(?=.{1,63}$)[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;

/** Which bus carries messages to all shards, and how to log in to it. */
export const BUS_SETTINGS = {
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
} as const satisfies Record<string, Setting>;
