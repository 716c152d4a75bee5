import { afterAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { kafkaAvailable, sharedKafka } from "./services/kafka.ts";
import { KafkaFixture } from "./services/kafkaFixture.ts";

const TEST_MS = 150_000;
const FLAGS = ["--shards", "1", "--max-connections", "10"];
let fixture: KafkaFixture | undefined;

afterAll(async () => {
  await fixture?.close();
});

async function kafkaFlags(): Promise<string[]> {
  fixture ??= new KafkaFixture(await sharedKafka());
  return ["--kafka-brokers", fixture.kafka.brokers.join(","), "--kafka-topics", await fixture.topic()];
}

async function expectRefusal(instance: TestInstance, status: number, code: string): Promise<void> {
  try {
    const body = '{"channel":"a","data":1}';
    const response = await fetch(`${instance.admin}/api/publish`, { method: "POST", body });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      error: { code, message: expect.stringContaining("--publish-topic") },
    });
  } finally {
    await instance.end();
  }
}

test(
  "the public port answers health to GET alone",
  async () => {
    const instance = await startInstance(FLAGS);
    try {
      const url = instance.url.replace(/^ws/, "http").replace(/ws$/, "health");
      expect((await fetch(url)).status).toBe(200);
      const refused = await fetch(url, { method: "POST", body: "x" });
      expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    } finally {
      await instance.end();
    }
  },
  TEST_MS,
);

describe.skipIf(!kafkaAvailable())("with Kafka", () => {
  test(
    "a publish to a topic that is not there says so",
    async () => {
      const topic = `missing-${crypto.randomUUID().slice(0, 8)}`;
      const instance = await startInstance([...FLAGS, ...(await kafkaFlags()), "--publish-topic", topic]);
      await expectRefusal(instance, 503, "publish_topic_missing");
    },
    TEST_MS,
  );
});
