import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { KafkaLog } from "@shardcast/server/log/kafka";
import type { SourceRecord } from "@shardcast/server/publication";
import { kafkaAvailable, sharedKafka, type TestKafka } from "../../../test/services/kafka.ts";
import { KafkaFixture } from "../../../test/services/kafkaFixture.ts";
import { readLines, shardcast, start, startWithOpenInput } from "../cli.fixture.ts";
import { dataSet } from "./produce.fixture.ts";

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());

describe.skipIf(!kafkaAvailable())("produce, into a real topic", () => {
  let kafka: TestKafka;
  let fixture: KafkaFixture;
  beforeAll(async () => {
    kafka = await sharedKafka();
    fixture = new KafkaFixture(kafka);
  }, 120_000);
  afterAll(() => fixture?.close());

  const produce = (args: readonly string[], stdin?: string) =>
    shardcast(
      ["produce", "--kafka-brokers", kafka.brokers.join(","), ...args],
      stdin === undefined ? {} : { stdin },
    );

  test("real flights arrive all, in order for each airport, in a topic that it creates", async () => {
    const topic = newTopic();
    const flags = [
      "--topic",
      topic,
      "--create-topic",
      "--partitions",
      "3",
      "--key-field",
      "origin",
      "--compression",
      "gzip",
    ];
    const { exitCode, stderr } = await produce([...flags, "--file", dataSet("flights-2k.json")]);
    expect(stderr).toBe(`created ${topic} with 3 partition(s)\n2000 records written to ${topic}\n`);
    expect(exitCode).toBe(0);
    const flights: { origin: string }[] = JSON.parse(readFileSync(dataSet("flights-2k.json"), "utf8"));
    const records = await readAll(topic);
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(3);
    const written = Map.groupBy(records, ({ key }) => text(key));
    const expected = Map.groupBy(flights, ({ origin }) => origin);
    expect(written.size).toBe(expected.size);
    for (const [origin, own] of expected) {
      expect(written.get(origin)?.map(({ value }) => JSON.parse(text(value) ?? ""))).toEqual(own);
    }
  });

  test("recorded times become the records' times, in a topic that keeps them", async () => {
    const topic = newTopic();
    const fields = [
      "--records-field",
      "features",
      "--key-field",
      "properties.net",
      "--timestamp-field",
      "properties.time",
    ];
    const flags = ["--topic", topic, "--create-topic", "--limit", "5", ...fields];
    const { stderr } = await produce([...flags, "--file", dataSet("earthquakes.json")]);
    expect(stderr).toContain("which keeps its records for ever");
    const { features } = JSON.parse(readFileSync(dataSet("earthquakes.json"), "utf8"));
    const records = await readAll(topic);
    expect(records.map(({ timestampMs }) => timestampMs)).toEqual(
      features.slice(0, 5).map(({ properties }: { properties: { time: number } }) => properties.time),
    );
  });

  test("standard input is played as it comes, and what was good before a bad line stays", async () => {
    const topic = await fixture.topic();
    const flags = ["--topic", topic, "--file", "-", "--format", "ndjson", "--key-field", "k"];
    const { exitCode, stderr } = await produce(flags, '{"k":"a"}\n{"k":"b"}\n{"x":1}\n');
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "shardcast: standard input: line 3: there is no field k (there are x); a key is a text or a number\n",
    );
    expect((await readAll(topic)).map(({ key }) => text(key))).toEqual(["a", "b"]);
  });

  test("a topic that is not there is refused with what to do", async () => {
    const { exitCode, stderr } = await produce(["--topic", newTopic(), "--file", dataSet("stocks.csv")]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("has no topic");
    expect(stderr).toContain("→ Add --create-topic");
  });

  test("a file that is not there is refused with what to do, before a topic is made for it", async () => {
    const topic = newTopic();
    const { exitCode, stderr } = await produce([
      "--topic",
      topic,
      "--create-topic",
      "--file",
      "/nowhere.csv",
    ]);
    expect(exitCode).toBe(1);
    expect((await fixture.cluster.topics([topic])).has(topic)).toBe(false);
    expect(stderr).toBe(
      "shardcast: /nowhere.csv cannot be read (ENOENT)\n  → Correct --file, or the file's rights.\n",
    );
  });

  test("Ctrl-C ends an endless loop in order, and what it says it wrote is there", async () => {
    const topic = await fixture.topic();
    const flags = [
      "--topic",
      topic,
      "--file",
      dataSet("stocks.csv"),
      "--loop",
      "--rate",
      "200",
      "--key-field",
      "symbol",
    ];
    const child = start(["produce", "--kafka-brokers", kafka.brokers.join(","), ...flags]);
    while ((await readAll(topic)).length < 20);
    child.kill("SIGINT");
    // Where the machine is slow, its progress has been told before.
    const line = (await new Response(child.stderr).text()).trimEnd().split("\n").at(-1);
    expect(await child.exited).toBe(0);
    expect(line).toBe(`${(await readAll(topic)).length} records written to ${topic}`);
  });

  test("records of a feed arrive as they come, and it ends when told to although the feed goes on", async () => {
    const topic = await fixture.topic();
    const flags = ["--topic", topic, "--file", "-", "--format", "ndjson"];
    const child = startWithOpenInput(["produce", "--kafka-brokers", kafka.brokers.join(","), ...flags]);
    child.stdin.write('{"a":1}\n');
    await child.stdin.flush();
    while ((await readAll(topic)).length < 1);
    child.kill("SIGTERM");
    expect(await readLines(child.stderr, 1)).toEqual([`1 records written to ${topic}`]);
    expect(await child.exited).toBe(0);
  });

  async function readAll(topic: string): Promise<SourceRecord[]> {
    const records: SourceRecord[] = [];
    const route = (_: string, record: SourceRecord) => {
      records.push(record);
      return { ...record, channel: topic, envelope: new Uint8Array() };
    };
    const log = new KafkaLog({ connection: fixture.connection, topics: [topic], route });
    try {
      for (const { id, earliest, next } of await log.streams()) {
        for (let after = earliest - 1; after < next - 1; ) {
          const result = await log.read({ streamId: id, after, through: next - 1, bytesMax: 2 ** 20 });
          if (result.kind !== "read") throw new Error(`expected records, got ${result.kind}`);
          after = result.through;
        }
      }
      // A fetch may bring, and route, more than the piece that was asked for.
      const once = new Map(records.map((record) => [`${record.partition}:${record.offset}`, record]));
      return [...once.values()];
    } finally {
      await log.close();
    }
  }
});

test("brokers that do not answer are told with what to check", async () => {
  const { exitCode, stderr } = await shardcast([
    "produce",
    "--kafka-brokers=127.0.0.1:1",
    "--topic=t",
    "--create-topic",
    "--file",
    dataSet("stocks.csv"),
  ]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Check that the brokers run");
});

function newTopic(): string {
  return `produce-${crypto.randomUUID().slice(0, 8)}`;
}
