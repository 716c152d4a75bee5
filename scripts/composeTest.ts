// `npm run compose:test -- [--bus redis|nats] [--stand-ins] [--engine-flags "…"] [--run-flags "…"]`: brings
// docker-compose.horizontal.yml up, puts clients on it through HAProxy, plays records into its Kafka, stops an instance on the
// way, starts it again, and compares each client with what was sent. Takes everything down at the end.
import { connect } from "@shardcast/client/client";
import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { createProducer } from "@shardcast/server/kafka/producer";
import { createTopic } from "@shardcast/server/kafka/topics";
import { findEngine } from "./compose/engine.ts";
import { buildStandIns } from "./compose/standIns.ts";
import { scriptFlags } from "./scriptFlags.ts";

const USAGE = `npm run compose:test -- [--bus redis|nats] [--clients N] [--records N] [--keep]

  --bus           what joins the instances: redis or nats (redis)
  --clients       clients of the SDK, through HAProxy (200)
  --records       records to play, 100 a second (3000)
  --keep          leave it up at the end
  --stand-ins     build the base images from Debian's packages first, where no registry can be reached (root; no Grafana)
  --engine-flags  what podman is called with, such as --engine-flags="--runtime runc"
  --run-flags     what each container is run with, such as --run-flags="--ulimit nofile=10000:10000"`;

const { values } = scriptFlags(USAGE, {
  options: {
    bus: { type: "string", default: "redis" },
    clients: { type: "string", default: "200" },
    records: { type: "string", default: "3000" },
    keep: { type: "boolean", default: false },
    "stand-ins": { type: "boolean", default: false },
    "engine-flags": { type: "string", default: "" },
    "run-flags": { type: "string", default: "" },
  },
});
const clients = Number(values.clients);
const records = Number(values.records);
const isMeant = ["redis", "nats"].includes(values.bus) && clients > 0 && records > 0;
if (!isMeant) {
  console.log(USAGE);
  process.exit(2);
}

const PROJECT = "shardcast-horizontal";
const FILES = ["docker-compose.horizontal.yml"];
const KEYS = ["a", "b", "c"];
const UP_MS_MAX = 180_000;
const CATCH_UP_MS_MAX = 60_000;

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");
const calledOff = new AbortController();
const engine = findEngine({
  signal: calledOff.signal,
  engineFlags: words(values["engine-flags"]),
  runFlags: words(values["run-flags"]),
});
const ports = {
  SHARDCAST_PORT: process.env["SHARDCAST_PORT"] ?? "3000",
  HAPROXY_PAGE_PORT: process.env["HAPROXY_PAGE_PORT"] ?? "8404",
  PROMETHEUS_PORT: process.env["PROMETHEUS_PORT"] ?? "9090",
  KAFKA_PORT: process.env["KAFKA_PORT"] ?? "19092",
};
const env = {
  ...ports,
  ...(values.bus === "nats" && { SHARDCAST_BUS: "nats://nats:4222" }),
  SHARDCAST_SHARDS: "1",
};
const up = [
  ...(values.bus === "nats" ? ["--profile", "nats"] : []),
  ...["up", "-d", "shardcast", "haproxy", "kafka", "prometheus", values.bus],
];

const say = (line: string) => console.log(`${new Date().toISOString()} ${line}`);

async function run(): Promise<boolean> {
  if (values["stand-ins"]) await buildStandIns(engine);
  say("building the image");
  await engine.build("localhost/shardcast:local", ".");
  say(`starting ${FILES.join(" ")} with ${engine.name}`);
  await engine.compose(FILES, up, env);
  await until("HAProxy has three instances", async () => (await instancesUp()) === 3, UP_MS_MAX);
  const instances = engine.containersOf(PROJECT, "shardcast");
  say(`up: ${instances.join(", ")}`);
  const addresses = await addressesSeen();
  if (addresses !== "hidden") throw new Error(`clients' addresses are taken to be those of the ${addresses}`);

  const ledgers = Array.from({ length: clients }, () => {
    const seen = new Map(KEYS.map((key) => [`${key}.trade`, [] as number[]]));
    const client = connect(`ws://127.0.0.1:${ports.SHARDCAST_PORT}/ws`, {
      backoff: { minMs: 100, maxMs: 2000 },
    });
    const ready = [...seen].map(
      ([channel, numbers]) => client.subscribe<number>(channel, ({ data }) => numbers.push(data)).ready,
    );
    return { client, seen, ready };
  });
  await Promise.all(ledgers.flatMap(({ ready }) => ready));
  say(`${clients} clients are subscribed`);

  const connection = { brokers: [`localhost:${ports.KAFKA_PORT}`], clientId: "compose-test" };
  const cluster = new KafkaCluster(connection);
  await createTopic(cluster, { name: "trade", partitions: 6, settings: {} });
  await cluster.close();
  const producer = createProducer({ connection });
  let sent = 0;
  const play = async (until: number) => {
    for (; sent < until; sent++) {
      const value = `${sent}`;
      await producer.send(KEYS.map((key) => ({ topic: "trade", key, value })));
      await Bun.sleep(10);
    }
  };
  const perKey = Math.ceil(records / KEYS.length);
  await play(Math.ceil(perKey / 3));
  const [stopped = ""] = instances;
  say(`stopping ${stopped} while records come`);
  await Promise.all([engine.stop(stopped), play(Math.ceil((perKey * 2) / 3))]);
  await until("HAProxy has taken it out", async () => (await instancesUp()) === 2, CATCH_UP_MS_MAX);
  say(`starting ${stopped} again`);
  await Promise.all([engine.start(stopped), play(perKey)]);
  await until("HAProxy has brought it back", async () => (await instancesUp()) === 3, UP_MS_MAX);
  await producer.close();

  const isDone = () =>
    ledgers.every(({ seen }) => [...seen.values()].every((numbers) => numbers.length >= sent));
  await until("every client has every record", isDone, CATCH_UP_MS_MAX).catch((error: Error) =>
    say(error.message),
  );
  const wrong = ledgers
    .flatMap(({ seen }) => [...seen.values()])
    .filter((numbers) => !isWhole(numbers, sent));
  const gaps = ledgers.reduce((sum, { client }) => sum + client.stats.gaps, 0);
  const reconnects = ledgers.reduce((sum, { client }) => sum + client.stats.reconnects, 0);
  await Promise.all(ledgers.map(({ client }) => client.close()));
  const deliveries = ledgers.reduce((sum, { seen }) => sum + [...seen.values()].flat().length, 0);
  say(`${sent * KEYS.length} records, ${deliveries} deliveries, ${reconnects} reconnects, ${gaps} gaps`);
  say(
    wrong.length === 0
      ? "every client has every record, once and in order"
      : `${wrong.length} ledgers are wrong`,
  );
  await until(
    "Prometheus scrapes three instances",
    async () => (await instancesScraped()) === "3",
    CATCH_UP_MS_MAX,
  );
  return wrong.length === 0 && gaps === 0 && deliveries > 0;
}

/** Whose address a client's is taken to be, as an instance behind HAProxy says itself. */
async function addressesSeen(): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${ports.SHARDCAST_PORT}/health`);
  const { checks } = (await answer.json()) as { checks: Record<string, { value: unknown }> };
  return String(checks["addresses"]?.value);
}

async function instancesScraped(): Promise<string | undefined> {
  const query = encodeURIComponent('sum(up{job="shardcast"})');
  const answer = await fetch(`http://127.0.0.1:${ports.PROMETHEUS_PORT}/api/v1/query?query=${query}`).catch(
    () => undefined,
  );
  const body = (await answer?.json()) as { data: { result: Array<{ value: [number, string] }> } } | undefined;
  return body?.data.result[0]?.value[1];
}

function isWhole(numbers: readonly number[], count: number): boolean {
  return numbers.length === count && numbers.every((number, index) => number === index);
}

/** As HAProxy's own page counts them. */
async function instancesUp(): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${ports.HAPROXY_PAGE_PORT}/;csv`).catch(() => undefined);
  const rows = (await page?.text().catch(() => ""))?.split("\n") ?? [];
  return rows.filter((row) => /^shardcast,instance\d+,.*,UP,/.test(row)).length;
}

async function until(what: string, isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isSo())) {
    calledOff.signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await Bun.sleep(250);
  }
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
let exitCode: number | undefined;
for (const [name, number] of Object.entries(SIGNALS))
  process.on(name, () => {
    // npm passes a Ctrl-C on to us a second time: taking down goes on all the same.
    if (exitCode !== undefined) return;
    exitCode = 128 + number;
    say(`${name}: called off`);
    calledOff.abort(new Error(`ended by ${name}`));
  });

const off = Promise.withResolvers<never>();
calledOff.signal.addEventListener("abort", () => off.reject(calledOff.signal.reason));
let isGood = false;
try {
  isGood = await Promise.race([run(), off.promise]);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
} finally {
  if (!values.keep) {
    say("taking it down");
    await engine.down(PROJECT, FILES, ["nats"], true);
  }
}
process.exit(exitCode ?? (isGood ? 0 : 1));
