// What is published by HTTP reaches clients byte for byte, by whichever log it goes.
import { afterAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { kafkaAvailable, sharedKafka } from "./services/kafka.ts";
import { KafkaFixture } from "./services/kafkaFixture.ts";
import { until } from "./services/until.ts";

const TEST_MS = 150_000;
const AS_WRITTEN = ["12345678901234567890", "1.0", '{"a":1,"a":2}', '{ "b" : [1.50,\t2] }', '"\\u00e9é"'];

let instance: TestInstance | undefined;
let fixture: KafkaFixture | undefined;

afterAll(async () => {
  await fixture?.close();
});

async function expectForwarded(flags: readonly string[]): Promise<void> {
  instance = await startInstance(["--shards", "1", "--max-connections", "10", ...flags]);
  const socket = new WebSocket(instance.url);
  try {
    const texts: string[] = [];
    socket.onmessage = ({ data }) => texts.push(String(data));
    await until(() => texts.length === 1);
    socket.send('{"type":"subscribe","id":1,"channels":["as.written"]}');
    await until(() => texts.length === 2);
    const bodies = [
      `{"channel":"as.written","data":${AS_WRITTEN[0]}}`,
      `[${AS_WRITTEN.map((data) => `{"data": ${data} ,"channel":"as.written"}`).join(",")}]`,
    ];
    for (const body of bodies) {
      const response = await fetch(`${instance.admin}/api/publish`, { method: "POST", body });
      expect(response.status).toBe(200);
    }
    await until(
      () => texts.length === 3 + AS_WRITTEN.length,
      30_000,
      () => texts,
    );
    const data = texts.slice(2).map((text) => /"data":(.*)\}$/s.exec(text)?.[1]);
    expect(data).toEqual([AS_WRITTEN[0], ...AS_WRITTEN]);
  } finally {
    socket.close();
    await instance.end();
  }
}

test("through the embedded log", () => expectForwarded([]), TEST_MS);

describe.skipIf(!kafkaAvailable())("with --publish-topic", () => {
  test(
    "through Kafka",
    async () => {
      fixture = new KafkaFixture(await sharedKafka());
      const topic = await fixture.topic();
      const kafka = ["--kafka-brokers", fixture.kafka.brokers.join(","), "--kafka-topics", topic];
      await expectForwarded([...kafka, "--publish-topic", topic]);
    },
    TEST_MS,
  );
});
