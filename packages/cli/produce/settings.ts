import { KAFKA_CONNECTION_SETTINGS } from "@shardcast/server/config/kafkaSettings";
import { choice, decimal, flag, integer, list, path, text } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { FORMATS } from "./row.ts";

const FIELD = /^[^\s,](?:[^,]*[^\s,])?$/;

export const PRODUCE_SETTINGS = {
  topic: {
    name: "topic",
    kind: SETTINGS.publishTopic.kind,
    group: "command",
    doc: "Topic to write to.",
    where: "flag",
  },
  file: {
    name: "file",
    kind: path(),
    group: "command",
    doc: "File to play; - is standard input.",
    where: "flag",
  },
  format: {
    name: "format",
    kind: choice(FORMATS),
    group: "command",
    doc: "How the file is written: one JSON value a line, CSV with a header line, or a JSON array.",
    derived: "by the file's ending",
    where: "flag",
  },
  recordsField: {
    name: "records-field",
    kind: text("a field's name", FIELD, "<field>"),
    group: "command",
    doc: "JSON only: the field that holds the array, where the file is an object, such as features of GeoJSON.",
    where: "flag",
  },
  numberFields: {
    name: "number-fields",
    kind: list("columns, separated by commas", FIELD, "<column,…>", 1024),
    group: "command",
    doc: "CSV only: columns to write as numbers. The others are texts, because CSV has no types.",
    where: "flag",
  },
  keyField: {
    name: "key-field",
    kind: text("a field's name", FIELD, "<field>"),
    group: "command",
    doc:
      "Field that becomes the record's key; properties.net is a field within a field. Records of one key keep their " +
      "order, and by default the key is a part of the channel's name.",
    where: "flag",
  },
  timestampField: {
    name: "timestamp-field",
    kind: text("a field's name", FIELD, "<field>"),
    group: "command",
    doc: "Field that holds the time: milliseconds since 1970, or a date, in UTC where it names no zone.",
    where: "flag",
  },
  timestamps: {
    name: "timestamps",
    kind: choice(["recorded", "now"]),
    group: "command",
    doc:
      "The records' time in Kafka: that of --timestamp-field, or that of sending. Kafka's retention and Shardcast's " +
      "history go by it, and remove soon what is recorded as long ago.",
    derived: "recorded where there is a --timestamp-field, otherwise now",
    where: "flag",
  },
  rate: {
    name: "rate",
    kind: decimal(0.001, 10_000_000),
    group: "command",
    doc: "Records per second.",
    derived: "as fast as it goes",
    where: "flag",
  },
  speed: {
    name: "speed",
    kind: decimal(0.001, 1_000_000_000),
    group: "command",
    doc: "Play in recorded time, so many times as fast. Needs --timestamp-field.",
    where: "flag",
  },
  loop: {
    name: "loop",
    kind: flag(),
    group: "command",
    doc: "Begin again at the end of the file.",
    default: false,
    where: "flag",
  },
  limit: {
    name: "limit",
    kind: integer(1, 1_000_000_000_000),
    group: "command",
    doc: "End after so many records.",
    where: "flag",
  },
  createTopic: {
    name: "create-topic",
    kind: flag(),
    group: "command",
    doc: "Create the topic where there is none.",
    default: false,
    where: "flag",
  },
  partitions: {
    name: "partitions",
    kind: integer(1, 10_000),
    group: "command",
    doc: "Partitions of a topic that is created. Without it: 1.",
    where: "flag",
  },
  compression: {
    name: "compression",
    kind: choice(["none", "gzip", "snappy", "lz4", "zstd"]),
    group: "command",
    doc: "How the records are compressed.",
    default: "none",
    where: "flag",
  },
  config: SETTINGS.config,
  ...KAFKA_CONNECTION_SETTINGS,
} as const satisfies Record<string, Setting>;
