// A Kafka to try things with, where there are no containers: the broker of the tests, on a port that is known. It needs
// Java 17 and Maven, with which it fetches Kafka from Maven Central once. Its data goes when it ends.
import { portsProblem } from "../packages/server/supervisor/portProbe.ts";
import { kafkaAvailable, startKafka } from "../test/services/kafka.ts";
import { KAFKA_VERSION } from "../test/services/kafkaDistribution.ts";
import { scriptFlags } from "./scriptFlags.ts";

const USAGE = `npm run kafka -- [--port N]

  --port  of this machine that it listens on (9092)`;

const { values } = scriptFlags(USAGE, {
  options: { port: { type: "string", default: "9092" } },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 1 || port > 65_535)
  fail("--port: expected a whole number from 1 to 65535");
const taken = await portsProblem([{ flag: "--port", host: "127.0.0.1", port }], "npm run kafka --");
if (taken !== undefined) fail(taken.replace("another Shardcast", "another Kafka"));
if (!kafkaAvailable()) fail("install Java 17 and Maven, or a container engine");

console.error(`Starting Kafka ${KAFKA_VERSION} …`);
const kafka = await startKafka({ port });
console.log(
  `Kafka ${KAFKA_VERSION} listens on localhost:${port}. Ctrl-C ends it, and its data is gone then.`,
);

let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end());
// The broker alone does not keep this process alive.
const staying = setInterval(() => undefined, 2 ** 30);

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  clearInterval(staying);
  await kafka.stop();
  console.log("Kafka has ended.");
  process.exit(0);
}

function fail(message: string): never {
  console.error(`kafka: ${message}`);
  process.exit(1);
}
