import { constants, createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { checkKafka } from "@shardcast/server/kafka/check";
import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { KafkaError } from "@shardcast/server/kafka/kafkaError";
import { createProducer } from "@shardcast/server/kafka/producer";
import { createTopic } from "@shardcast/server/kafka/topics";
import { type Command, type CommandContext, CommandFailure, EXIT } from "../command.ts";
import { settingsFailure } from "../readFlags.ts";
import { REAL_CLOCK } from "./clock.ts";
import { InputError } from "./inputError.ts";
import { loadOptions, type ProduceOptions } from "./options.ts";
import { atRate, inRecordedTime, type Pace, unpaced } from "./pace.ts";
import { play } from "./play.ts";
import { Progress } from "./progress.ts";
import { readRows } from "./readRows.ts";
import { recordOf, type TopicRecord } from "./record.ts";
import { PRODUCE_SETTINGS } from "./settings.ts";

export const produce: Command = {
  name: "produce",
  summary: "play a file of records into a Kafka topic",
  usage: "--topic <topic> --file <path> [flags]",
  description:
    "Writes each record of an NDJSON, CSV or JSON file to a Kafka topic, in order: at a rate, in recorded time, or as " +
    "fast as it goes. NDJSON and CSV are streamed, so that files may be of any size. A line that cannot be read ends " +
    "it, with the line's number; what was sent before stays. Brokers and credentials also come from the variables " +
    "and the config file of serve.",
  settings: PRODUCE_SETTINGS,
  examples: [
    {
      does: "real flights, 100 a second, by airport; clients see channels such as LAX.flights",
      line: "shardcast produce --kafka-brokers localhost:9092 --topic flights --create-topic --file flights-2k.json --key-field origin --rate 100",
    },
    {
      does: "a week of earthquakes in ten minutes",
      line: "shardcast produce --topic quakes --file earthquakes.json --records-field features --key-field properties.net --timestamp-field properties.time --timestamps now --speed 1000",
    },
    {
      does: "from another program",
      line: "my-feed | shardcast produce --topic trades --file - --format ndjson --key-field symbol",
    },
  ],
  exitCodes: {
    0: "All records are written, or those that were until Ctrl-C.",
    1: "The file could not be read, or the topic not written; what was written before stays.",
  },
  async run(context) {
    const loaded = loadOptions(context);
    if (!loaded.ok) throw settingsFailure(loaded.problems);
    const { options } = loaded;
    try {
      // A topic that was made for a file that is not there would only be in the way.
      if (options.file !== "-") await access(options.file, constants.R_OK);
      if (options.createTopic) await createMissingTopic(options, context);
      // Who sends waits for brokers that are only on their way; here nobody has yet seen them.
      else await checkKafka(options.connection, [options.topic]);
      const count = await playFile(options, context);
      await context.stderr.write(`${count} records written to ${options.topic}\n`);
      return EXIT.ok;
    } catch (error) {
      throw explain(error, options);
    }
  },
};

async function createMissingTopic(options: ProduceOptions, { stderr }: CommandContext): Promise<void> {
  const { connection, topic, partitions = 1 } = options;
  const cluster = new KafkaCluster(connection);
  try {
    // A topic for records of long ago keeps them: by Kafka's usual retention they would be gone within minutes.
    const settings = isRecorded(options) ? { "retention.ms": "-1" } : {};
    const isNew = await createTopic(cluster, { name: topic, partitions, settings });
    const note = isRecorded(options) ? ", which keeps its records for ever" : "";
    if (isNew) await stderr.write(`created ${topic} with ${partitions} partition(s)${note}\n`);
  } finally {
    await cluster.close();
  }
}

async function playFile(options: ProduceOptions, { signal, stderr }: CommandContext): Promise<number> {
  const { connection, topic, compression, loop, limit = Number.POSITIVE_INFINITY } = options;
  const producer = createProducer({ connection, compression });
  const keepsTime = isRecorded(options);
  const progress = new Progress(stderr);
  try {
    return await play({
      open: () => recordsOf(options, signal),
      pace: paceOf(options),
      send: async (records) => {
        const stamped = records.map(({ key, value, timestampMs }) => ({
          topic,
          key,
          value,
          ...(keepsTime && timestampMs !== undefined && { timestampMs }),
        }));
        await producer.send(stamped);
        progress.add(stamped.length);
      },
      clock: REAL_CLOCK,
      loop,
      limit,
      signal,
    });
  } finally {
    progress.end();
    await producer.close();
  }
}

async function* recordsOf(options: ProduceOptions, signal: AbortSignal): AsyncGenerator<TopicRecord> {
  const { file, format, recordsField, keyField, timestampField, numberFields = [] } = options;
  // The signal also ends the wait for input that does not come.
  const chunks: AsyncIterable<Uint8Array> =
    file === "-" ? addAbortSignal(signal, process.stdin) : createReadStream(file, { signal });
  for await (const row of readRows(chunks, { format, recordsField, numberFields })) {
    yield recordOf(row, { keyField, timestampField });
  }
}

/** Whether the records' own time becomes their time in Kafka. */
function isRecorded({ timestamps, timestampField }: ProduceOptions): boolean {
  return timestampField !== undefined && timestamps !== "now";
}

function paceOf({ rate, speed }: ProduceOptions): Pace {
  if (rate !== undefined) return atRate(rate);
  return speed === undefined ? unpaced() : inRecordedTime(speed);
}

/** Turns what users can mend into a message with the next step. */
function explain(error: unknown, { file, topic }: ProduceOptions): unknown {
  if (error instanceof InputError) {
    const name = file === "-" ? "standard input" : file;
    return new CommandFailure(`${name}: ${error.message}`, { cause: error });
  }
  if (error instanceof KafkaError) {
    const isMissing = error.code === "kafka_unknown_topic";
    const advice = isMissing ? `Add --create-topic to create ${topic}.` : undefined;
    return new CommandFailure(error.message, { cause: error, ...(advice && { advice }) });
  }
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "EACCES" || code === "EISDIR") {
    const advice = "Correct --file, or the file's rights.";
    return new CommandFailure(`${file} cannot be read (${code})`, { cause: error, advice });
  }
  return error;
}
