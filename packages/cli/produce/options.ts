import { kafkaConnection } from "@shardcast/server/config/compose";
import { connectionContradictions } from "@shardcast/server/config/kafkaContradictions";
import { isGiven, type Origin, type Problem, problemAt } from "@shardcast/server/config/problem";
import { readSettings, type SettingInputs } from "@shardcast/server/config/readSettings";
import type { SettingValues } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import { formatOf } from "./readRows.ts";
import type { Format } from "./row.ts";
import { PRODUCE_SETTINGS } from "./settings.ts";

type Values = SettingValues<typeof PRODUCE_SETTINGS>;
type Origins = Readonly<Record<keyof Values, Origin>>;

/** What `shardcast produce` was asked to do, checked and complete. */
export interface ProduceOptions extends Values {
  readonly connection: KafkaConnectionOptions;
  readonly topic: string;
  readonly file: string;
  readonly format: Format;
}

export type LoadedOptions =
  | { readonly ok: true; readonly options: ProduceOptions }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads flags, variables and config file; settings of the server there do no harm. */
export function loadOptions(inputs: SettingInputs): LoadedOptions {
  const read = readSettings(PRODUCE_SETTINGS, inputs, SETTINGS);
  const { values, origins } = read;
  const problems = [
    ...read.problems,
    ...read.positionals.map((argument) =>
      problemAt({ kind: "flag", name: argument }, "belongs to no flag", "Files are named by --file."),
    ),
    ...missing(origins),
    ...connectionContradictions(read),
    ...contradictions(values, origins),
  ];
  const connection = kafkaConnection(values, "shardcast-produce");
  const { topic, file } = values;
  const format = values.format ?? formatOf(file ?? "");
  if (file !== undefined && format === undefined && !isGiven(origins.format)) {
    const message = `its name does not tell the format of ${file === "-" ? "standard input" : file}`;
    problems.push(problemAt(origins.file, message, "Add --format ndjson, csv or json."));
  }
  if (
    problems.length > 0 ||
    connection === undefined ||
    topic === undefined ||
    file === undefined ||
    format === undefined
  ) {
    return { ok: false, problems };
  }
  return { ok: true, options: { ...values, connection, topic, file, format } };
}

function missing(origins: Origins): Problem[] {
  const needed = {
    kafkaBrokers: "Name the brokers, such as --kafka-brokers localhost:9092, or set SHARDCAST_KAFKA_BROKERS.",
    topic: "Name the topic to write to.",
    file: "Name the file to play; - is standard input.",
  } as const;
  const keys = Object.keys(needed) as (keyof typeof needed)[];
  return keys
    .filter((key) => !isGiven(origins[key]))
    .map((key) => {
      const name = `--${PRODUCE_SETTINGS[key].name}`;
      return problemAt({ kind: "flag", name }, "is needed", needed[key]);
    });
}

function contradictions(values: Values, origins: Origins): Problem[] {
  const problems: Problem[] = [];
  const refuse = (key: keyof Values, message: string, advice: string) =>
    problems.push(problemAt(origins[key], message, advice));
  const isRecorded = values.timestamps === "recorded";
  if (isGiven(origins.rate) && isGiven(origins.speed)) {
    refuse("speed", "contradicts --rate", "Give one of the two.");
  }
  for (const key of ["speed", ...(isRecorded ? (["timestamps"] as const) : [])] as const) {
    if (isGiven(origins[key]) && !isGiven(origins.timestampField)) {
      refuse(key, "needs the records' time", "Add --timestamp-field.");
    }
  }
  if (isGiven(origins.partitions) && !isGiven(origins.createTopic)) {
    refuse("partitions", "has no effect on a topic that is there", "Add --create-topic, or leave it out.");
  }
  if (values.loop && values.file === "-") {
    refuse("loop", "standard input cannot be read again", "Name a file, or leave --loop out.");
  }
  const format = values.format ?? formatOf(values.file ?? "");
  if (isGiven(origins.recordsField) && format !== undefined && format !== "json") {
    refuse("recordsField", `has no effect on ${format}`, "Leave it out, or add --format json.");
  }
  if (isGiven(origins.numberFields) && format !== undefined && format !== "csv") {
    refuse("numberFields", `has no effect on ${format}`, "Leave it out, or add --format csv.");
  }
  return problems;
}
