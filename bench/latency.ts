// From Kafka to a socket, nearly idle: a record every 50 ms, through one instance on each bus. Beside it what the broker
// alone takes to acknowledge the same record, and to hand it to a bare fetch loop, because neither is ours to make faster.
import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { fetchPartitions } from "@shardcast/server/kafka/fetch";
import { createProducer } from "@shardcast/server/kafka/producer";
import { createTopic } from "@shardcast/server/kafka/topics";
import { startInstance } from "../test/instance.fixture.ts";
import { startKafka } from "../test/services/kafka.ts";
import { startNats } from "../test/services/nats.ts";
import { startRedis } from "../test/services/redis.ts";
import { quantile } from "./processes.ts";
import { writeResults } from "./results.ts";

const TOPIC = "latency";
const RECORDS = 400;
const WARM_UP = 50;
const EVERY_MS = 50;

const kafka = await startKafka();
const connection = { brokers: kafka.brokers, clientId: "bench" };
const cluster = new KafkaCluster(connection);
await createTopic(cluster, { name: TOPIC, partitions: 1 });
const redis = await startRedis();
const nats = await startNats();
const BUSES = { local: "local:", Redis: redis.url, NATS: nats.url };
const sentMs: number[] = [];
const acknowledged: number[] = [];
const fetched: number[] = [];
const buses = await Promise.all(Object.entries(BUSES).map(([name, url]) => startBus(name, url)));

/** An instance of its own for each bus, all on the same records, so that one run compares them. */
async function startBus(name: string, url: string) {
  const instance = await startInstance([
    ...["--shards", "1", "--bus", url, "--kafka-brokers", kafka.brokers.join(","), "--kafka-topics", TOPIC],
    ...["--kafka-group", `bench-${name}`, "--instance", name, "--log-level", "warn"],
  ]);
  const received: number[] = [];
  const subscribed = Promise.withResolvers<void>();
  const socket = new WebSocket(instance.url);
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as { type: string; data?: { index: number } };
    if (message.type === "welcome") {
      socket.send(JSON.stringify({ type: "subscribe", id: 1, channels: [`key.${TOPIC}`] }));
    }
    if (message.type === "subscribed") subscribed.resolve();
    if (message.data !== undefined) take(received, message.data.index);
  };
  await subscribed.promise;
  const end = async () => {
    socket.close();
    await instance.end();
  };
  return { name, received, end };
}

function take(into: number[], index: number): void {
  const sent = sentMs[index];
  if (sent !== undefined && index >= WARM_UP) into.push(performance.now() - sent);
}

const producer = createProducer({ connection });
let isDone = false;
const fetching = fetchLoop();
for (let index = 0; index < RECORDS; index++) {
  sentMs[index] = performance.now();
  const value = JSON.stringify({ index, filler: "x".repeat(150) });
  void producer.send([{ topic: TOPIC, key: "key", value }]).then(() => take(acknowledged, index));
  await Bun.sleep(EVERY_MS);
}
await Bun.sleep(500);
isDone = true;
await fetching;
await producer.close();
for (const bus of buses) await bus.end();
await redis.stop();
await nats.stop();
await cluster.close();
await kafka.stop();

const expected = RECORDS - WARM_UP;
const rows: Array<[string, number[]]> = [
  ["the broker has acknowledged it", acknowledged],
  ["a bare fetch loop has it", fetched],
  ...buses.map(({ name, received }): [string, number[]] => [`a client has it, bus ${name}`, received]),
];
for (const [name, values] of rows) {
  if (values.length !== expected) throw new Error(`${name}: ${values.length} of ${expected} samples`);
}
console.log(
  `Kafka to socket, a record every ${EVERY_MS} ms, 1 client per bus, ${expected} records; ms since it was sent`,
);
console.log(["", "p50", "p90", "p99"].map((cell, at) => cell.padEnd(at === 0 ? 40 : 10)).join(""));
const figures = rows.map(([name, values]) => {
  const quantiles = [0.5, 0.9, 0.99].map((q) => quantile(values, q));
  console.log(name.padEnd(40) + quantiles.map((ms) => ms.toFixed(2).padEnd(10)).join(""));
  return { name, p50Ms: quantiles[0], p90Ms: quantiles[1], p99Ms: quantiles[2] };
});
await writeResults("latency", { records: expected, everyMs: EVERY_MS, figures });

/** What any consumer of this topic has to wait for: one fetch after the other, and nothing done with them. */
async function fetchLoop(): Promise<void> {
  const topic = (await cluster.topics([TOPIC])).get(TOPIC);
  if (topic === undefined) throw new Error(`topic ${TOPIC} is gone`);
  const lane = { name: "bench", requestTimeoutMs: 10_000 };
  const limits = { maxWaitMs: 250, bytesMax: 1024 * 1024 };
  let offset = 0;
  while (!isDone) {
    const target = { topicId: topic.id, partition: 0, offset, bytesMax: limits.bytesMax };
    const [answer] = await cluster.use(topic.leaders[0] ?? 0, lane, "fetch", (to) =>
      fetchPartitions(to, [target], limits),
    );
    for (; answer !== undefined && offset < answer.highWatermark; offset++) take(fetched, offset);
  }
}
