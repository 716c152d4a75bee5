import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { KAFKA_USER, kafkaAvailable, startKafka, type TestKafka } from "../../../test/services/kafka.ts";
import { KafkaFixture } from "../../../test/services/kafkaFixture.ts";
import { checkKafka } from "./check.ts";
import { KafkaError } from "./kafkaError.ts";
import type { KafkaConnectionOptions } from "./options.ts";
import { createProducer } from "./producer.ts";

describe.skipIf(!kafkaAvailable())("producing to Kafka", () => {
  let kafka: TestKafka;
  let fixture: KafkaFixture;
  beforeAll(async () => {
    kafka = await startKafka({ sasl: true, tls: true });
    fixture = new KafkaFixture(kafka);
  }, 120_000);
  afterAll(async () => {
    await fixture?.close();
    await kafka?.stop();
  });

  test("the answer names topic, partition and offset of each record, in the order sent", async () => {
    const topic = await fixture.topic({ partitions: 3 });
    const sent = await fixture.producer.send([
      { topic, partition: 2, key: null, value: "a" },
      { topic, partition: 0, key: null, value: "b" },
      { topic, partition: 2, key: null, value: "c" },
    ]);
    expect(sent).toEqual([
      { topic, partition: 2, offset: 0 },
      { topic, partition: 0, offset: 0 },
      { topic, partition: 2, offset: 1 },
    ]);
  });

  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    test(`Kafka's own consumer reads what is written with ${compression}, timestamps and headers included`, async () => {
      const topic = await fixture.topic();
      const producer = createProducer({ connection: fixture.connection, compression });
      await producer.send([
        { topic, key: "k1", value: "first", timestampMs: 1_795_540_000_000, headers: [["h", "x"]] },
        { topic, key: null, value: null, timestampMs: 1_234 },
        { topic, key: "k3", value: "ü".repeat(2_000), timestampMs: 1_795_540_000_001 },
      ]);
      await producer.close();
      const printed = await console(topic, 3);
      expect(printed).toEqual([
        "CreateTime:1795540000000\th:x\tk1\tfirst",
        "CreateTime:1234\tNO_HEADERS\tnull\tnull",
        `CreateTime:1795540000001\tNO_HEADERS\tk3\t${"ü".repeat(2_000)}`,
      ]);
    }, 30_000);
  }

  test("a key goes to the partition that Kafka's own producer chooses", async () => {
    const partitions = 7;
    const ours = await fixture.topic({ partitions });
    const theirs = await fixture.topic({ partitions });
    const keys = ["a", "BTC", "odin", "ü", "a-longer-key", "0", "zz"];
    const sent = await fixture.producer.send(keys.map((key) => ({ topic: ours, key, value: key })));
    await kafka.tool(
      "org.apache.kafka.tools.ConsoleProducer",
      ["--bootstrap-server", kafka.brokers.join(","), "--topic", theirs, "--property", "parse.key=true"],
      keys.map((key) => `${key}\t${key}\n`).join(""),
    );
    const printed = await consume(theirs, keys.length, ["--property", "print.partition=true"]);
    const chosen = new Map(printed.map((line) => line.split("\t").reverse() as [string, string]));
    expect(sent.map(({ partition }) => `Partition:${partition}`)).toEqual(
      keys.map((key) => chosen.get(key) ?? ""),
    );
  }, 30_000);

  test("concurrent sends keep their order within a partition", async () => {
    const topic = await fixture.topic();
    const sends = Array.from({ length: 50 }, (_, index) =>
      fixture.producer.send([{ topic, key: null, value: `${index}` }]),
    );
    expect((await Promise.all(sends)).map(([sent]) => sent?.offset)).toEqual(sends.map((_, index) => index));
  });

  test("sends keep their order also while the broker is away and their partitions are not known yet", async () => {
    const topic = await fixture.topic();
    await kafka.kill();
    const producer = createProducer({ connection: fixture.connection, deliveryTimeoutMs: 60_000 });
    const numbers = Array.from({ length: 40 }, (_, index) => `${index}`);
    const sending: Promise<unknown>[] = [];
    for (const value of numbers) {
      sending.push(producer.send([{ topic, key: "k", value }]));
      // Each waits for the broker by a backoff of its own, so the last may learn first that it is back.
      await Bun.sleep(50);
    }
    await kafka.restart();
    await Promise.all(sending);
    await producer.close();
    expect((await console(topic, numbers.length)).map((line) => line.split("\t").at(-1))).toEqual(numbers);
  }, 60_000);

  test("a broker that is killed while records are sent costs none, and repeats none", async () => {
    const topic = await fixture.topic();
    let stopped = false;
    let next = 0;
    const offsets: number[] = [];
    const feed = (async () => {
      while (!stopped) {
        const sent = await fixture.producer.send(
          Array.from({ length: 5 }, () => ({ topic, key: null, value: `${next++}` })),
        );
        offsets.push(...sent.map(({ offset }) => offset));
      }
    })();
    await kafka.kill();
    await kafka.restart();
    await fixture.producer.send([{ topic, key: null, value: "after" }]);
    stopped = true;
    await feed;
    expect(new Set(offsets).size).toBe(next);
    const printed = await consume(topic, next + 1);
    expect(printed.filter((line) => line !== "after")).toEqual(
      Array.from({ length: next }, (_, index) => `${index}`),
    );
  }, 60_000);

  test("what is wrong is said with a stable code and what to do", async () => {
    const topic = await fixture.topic();
    const unknown = fixture.producer.send([{ topic: "no-such-topic", key: null, value: "x" }]);
    await expectError(unknown, "kafka_unknown_topic", /"no-such-topic".*Create it/);
    await expectError(
      checkKafka(fixture.connection, [topic, "nor-this"]),
      "kafka_unknown_topic",
      /"nor-this"/,
    );
    const large = fixture.producer.send([{ topic, key: null, value: new Uint8Array(17 * 1024 * 1024) }]);
    await expectError(large, "kafka_record_too_large", /max\.message\.bytes/);
    const nobody = checkKafka({ brokers: ["127.0.0.1:1"], clientId: "t" }, [topic]);
    await expectError(nobody, "kafka_unreachable", /127\.0\.0\.1:1.*Check that the brokers run/);
    const malformed = () => checkKafka({ brokers: ["nonsense"], clientId: "t" }, [topic]);
    await expectError(malformed(), "kafka_unreachable", /not host:port/);
  }, 30_000);

  for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const) {
    test(`${mechanism} lets the right password in and says when it is wrong`, async () => {
      const topic = await fixture.topic();
      const connection = { brokers: kafka.saslBrokers, clientId: "t" };
      await roundTrip(topic, { ...connection, sasl: { mechanism, ...KAFKA_USER } });
      const wrong = checkKafka({ ...connection, sasl: { mechanism, ...KAFKA_USER, password: "wrong" } }, [
        topic,
      ]);
      await expectError(wrong, "kafka_authentication", /user name and password/);
    }, 30_000);
  }

  test("TLS works with a given authority, with SASL, and with a client certificate", async () => {
    const topic = await fixture.topic();
    const certificates = kafka.certificates;
    if (certificates === undefined) throw new Error("no certificates");
    const tls = { ca: certificates.ca, rejectUnauthorized: true };
    await roundTrip(topic, { brokers: kafka.tlsBrokers, clientId: "t", tls });
    await roundTrip(topic, {
      brokers: kafka.tlsBrokers,
      clientId: "t",
      tls: { ...tls, ...certificates.client },
    });
    const sasl = { mechanism: "SCRAM-SHA-256", ...KAFKA_USER } as const;
    await roundTrip(topic, { brokers: kafka.saslTlsBrokers, clientId: "t", tls, sasl });
    // By address and by name; and not under a name that the certificate does not hold.
    await roundTrip(topic, {
      brokers: kafka.tlsBrokers,
      clientId: "t",
      tls: { ...tls, serverName: "localhost" },
    });
    const misnamed = {
      brokers: kafka.tlsBrokers,
      clientId: "t",
      tls: { ...tls, serverName: "elsewhere.test" },
    };
    await expectError(checkKafka(misnamed, [topic]), "kafka_unreachable", /elsewhere|cert|TLS|hostname/i);
  }, 30_000);

  test("a server that the authority does not vouch for is refused, and so is TLS to a plain listener", async () => {
    const topic = await fixture.topic();
    const unknown = checkKafka(
      { brokers: kafka.tlsBrokers, clientId: "t", tls: { rejectUnauthorized: true } },
      [topic],
    );
    await expectError(unknown, "kafka_unreachable", /certificate|TLS/i);
    const plain = checkKafka({ brokers: kafka.tlsBrokers, clientId: "t" }, [topic]);
    await expectError(plain, "kafka_unreachable", /TLS/);
  }, 30_000);

  async function roundTrip(topic: string, connection: KafkaConnectionOptions): Promise<void> {
    await checkKafka(connection, [topic]);
    const producer = createProducer({ connection });
    expect(await producer.send([{ topic, key: null, value: "x" }])).toHaveLength(1);
    await producer.close();
  }

  function console(topic: string, count: number): Promise<string[]> {
    const print = ["timestamp", "headers", "key"].flatMap((what) => ["--property", `print.${what}=true`]);
    return consume(topic, count, print);
  }

  async function consume(topic: string, count: number, more: readonly string[] = []): Promise<string[]> {
    const output = await kafka.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
      ...["--bootstrap-server", kafka.brokers.join(","), "--topic", topic, "--from-beginning"],
      ...["--max-messages", `${count}`, "--timeout-ms", "15000", ...more],
    ]);
    return output.trimEnd().split("\n");
  }
});

async function expectError(work: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(KafkaError);
  expect(error).toMatchObject({ code });
  expect((error as KafkaError).message).toMatch(message);
}
