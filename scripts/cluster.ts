// `npm run cluster -- [--instances N] [--shards N] [--bus redis|nats] [--port N] [--rate N]`: a whole cluster of real
// parts on this machine, with records to look at, until Ctrl-C.
import { createProducer, type KafkaProducer } from "@shardcast/server/kafka/producer";
import { DemoFeed } from "@shardcast/server/source/demo";
import { startCluster, type TestCluster } from "../test/cluster.fixture.ts";
import { scriptFlags } from "./scriptFlags.ts";

const USAGE = `npm run cluster -- [--instances N] [--shards N] [--bus redis|nats] [--port N] [--rate N]

  --instances  instances of Shardcast (3)
  --shards     shards of each (1)
  --bus        what connects them: redis or nats (redis)
  --port       of the load balancer (3000)
  --rate       records a second of an invented market; 0 for none (100)`;
const TOPICS = ["trade", "quote"];
const PARTITIONS = 6;

const { values } = scriptFlags(USAGE, {
  options: {
    instances: { type: "string", default: "3" },
    shards: { type: "string", default: "1" },
    bus: { type: "string", default: "redis" },
    port: { type: "string", default: "3000" },
    rate: { type: "string", default: "100" },
  },
});

function whole(name: "instances" | "shards" | "port" | "rate", min: number, max: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  console.error(`--${name} must be a whole number from ${min} to ${max}, not ${values[name]}\n\n${USAGE}`);
  process.exit(2);
}

/** An invented market as records: key `BTC` in the topic `trade` becomes the channel `BTC.trade`. */
function startFeed(producer: KafkaProducer, messagesPerSecond: number): DemoFeed {
  let isTold = false;
  return new DemoFeed({
    messagesPerSecond,
    seed: Date.now() % 2 ** 31,
    append: (channel, value, timestampMs) => {
      const [key = "", topic = ""] = channel.split(".");
      producer.send([{ topic, key, value, timestampMs }]).catch((error: Error) => {
        if (!isTold) console.error(`the feed lost a record: ${error.message}`);
        isTold = true;
      });
    },
  });
}

function summary({ url, kafka, redis, nats, haproxy, members }: TestCluster): string {
  const bus = redis === undefined ? `NATS     ${nats?.url}` : `Redis    ${redis.url}`;
  return [
    "",
    `  clients  ${url}   through HAProxy (pid ${haproxy.pid})`,
    ...members.map(
      ({ id, port, adminPort, instance }) =>
        `  ${id}        ws://127.0.0.1:${port}/ws   admin http://127.0.0.1:${adminPort}   pid ${instance?.pid}`,
    ),
    `  ${bus}`,
    `  Kafka    ${kafka.brokers.join(",")}   topics ${TOPICS.join(", ")}`,
    "",
    `  look     npm run shardcast -- tail 'BTC.*' --url ${url}`,
    `  see all  http://127.0.0.1:${members[0]?.adminPort}/   the dashboard`,
    `  cluster  curl http://127.0.0.1:${members[0]?.adminPort}/api/cluster`,
    `  break    kill -9 ${members[1]?.instance?.pid ?? members[0]?.instance?.pid}   # an instance; the tail goes on`,
    "",
    "  Ctrl-C takes everything down.",
    "",
  ].join("\n");
}

if (values.bus !== "redis" && values.bus !== "nats") {
  console.error(`--bus must be redis or nats, not ${values.bus}\n\n${USAGE}`);
  process.exit(2);
}
const rate = whole("rate", 0, 10_000);
const asked = new Promise<void>((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
console.log("Starting Kafka, the bus, the instances and HAProxy …");
const cluster = await startCluster({
  instances: whole("instances", 1, 26),
  shards: whole("shards", 1, 64),
  bus: values.bus,
  topics: TOPICS.map((name) => ({ name, partitions: PARTITIONS })),
  // HAProxy passes TCP on, so that every client seems to have its address.
  flags: ["--log-level", "error", "--hidden-addresses"],
  port: whole("port", 1, 65_535),
});
const producer = createProducer({ connection: { brokers: cluster.kafka.brokers, clientId: "cluster-feed" } });
const feed = rate === 0 ? undefined : startFeed(producer, rate);
console.log(summary(cluster));
await asked;
console.log("Taking it down …");
feed?.close();
await producer.close().catch(() => {
  // What the broker has not taken by now is nobody's loss.
});
await cluster.stop();
console.log("All is down.");
process.exit(0);
