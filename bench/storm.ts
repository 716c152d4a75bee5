// `npm run bench -- storm`: clients lose their connections all at once, are away for 30 s, and come back in the same moment to
// a real instance on a real Kafka, each resuming from its mark, beside live clients that must not notice. Each client counts
// what it gets, so that a loss shows. Twice: from the shards' histories, and with these cut so short that the log is read.

import { loopbackAddresses } from "@shardcast/loadtest/sourcePorts";
import { KafkaCluster } from "@shardcast/server/kafka/cluster";
import { createTopic } from "@shardcast/server/kafka/topics";
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { startInstance } from "../test/instance.fixture.ts";
import { startKafka } from "../test/services/kafka.ts";
import { cpuMs, rssBytes } from "./processes.ts";
import { writeResults } from "./results.ts";
import { Apart } from "./storm/apart.ts";
import { joined, StormClients } from "./storm/clients.ts";
import { startFeed } from "./storm/feed.ts";
import { TOPIC } from "./storm/messages.ts";
import { scrape } from "./storm/scrape.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "15000" },
    live: { type: "string", default: "500" },
    /** Records a second, over 16 channels, of which each client has 4. */
    rate: { type: "string", default: "16" },
    "away-seconds": { type: "string", default: "30" },
    /** Not set: 2, or one for each core of the servers where they have cores of their own. */
    shards: { type: "string" },
    /** Servers and clients do not share cores. */
    apart: { type: "boolean", default: false },
    /** Of the instance; not set: as many as there are clients. */
    accepts: { type: "string" },
    from: { type: "string", default: "history,log" },
  },
});
const CLIENTS = Number(flags.clients);
const LIVE = Number(flags.live);
const RATE = Number(flags.rate);
const AWAY_SECONDS = Number(flags["away-seconds"]);
/** Before this process is bound to some of them. */
const CORES = navigator.hardwareConcurrency;
const apart = flags.apart ? new Apart() : undefined;
const SHARDS = Number(flags.shards ?? apart?.cores ?? 2);
const STEADY_SECONDS = 10;
const PROCESSES = 2;
const PARTITIONS = 3;
/** A history that ends long before the clients' absence begins. */
const SHORT_HISTORY = ["--history-seconds", String(Math.floor(AWAY_SECONDS / 6))];

type From = "history" | "log";

async function storm(from: From) {
  const kafka = await startKafka();
  const admin = new KafkaCluster({ brokers: kafka.brokers, clientId: "storm" });
  await createTopic(admin, { name: TOPIC, partitions: PARTITIONS });
  await admin.close();
  const instance = await startInstance([
    ...["--shards", `${SHARDS}`, "--log-level", "warn"],
    ...["--kafka-brokers", kafka.brokers.join(","), "--kafka-topics", TOPIC],
    ...["--max-accepts-per-second", flags.accepts ?? `${CLIENTS + LIVE}`],
    ...(from === "log" ? SHORT_HISTORY : []),
  ]);
  const servers = [instance.pid, ...(await instance.shardPids())];
  apart?.pinServers(servers);
  const addresses = loopbackAddresses(Math.random);
  const process = (at: number, clients: number, first: number) =>
    new StormClients({ url: instance.url, clients, first, addresses: addresses(at) });
  const live = process(0, LIVE, 0);
  const each = Math.ceil(CLIENTS / PROCESSES);
  const away = Array.from({ length: PROCESSES }, (_, at) =>
    process(at + 1, Math.min(each, CLIENTS - at * each), LIVE + at * each),
  );
  apart?.putLast(away.map(({ pid }) => pid));
  const all = [live, ...away];
  const measure = () => Promise.all(all.map((clients) => clients.measure()));
  const stopFeed = startFeed(kafka.brokers, RATE);
  try {
    await Promise.all(all.map((clients) => clients.run("connect")));
    await Bun.sleep(3000);
    await measure();
    await Bun.sleep(STEADY_SECONDS * 1000);
    const [before] = await measure();
    const connectedBytes = rssBytes(servers);
    await Promise.all(away.map((clients) => clients.run("leave")));
    await Bun.sleep(AWAY_SECONDS * 1000);
    await measure();
    const counted = await scrape(instance.admin);
    const cpuBefore = cpuMs(servers);
    const begunMs = performance.now();
    let rssMost = 0;
    const watching = setInterval(() => {
      rssMost = Math.max(rssMost, rssBytes(servers));
    }, 100);
    await Promise.all(away.map((clients) => clients.run("comeBack")));
    const seconds = (performance.now() - begunMs) / 1000;
    clearInterval(watching);
    const cpuSeconds = (cpuMs(servers) - cpuBefore) / 1000;
    const [during, ...cameBack] = await measure();
    const now = await scrape(instance.admin);
    const grown = (name: string) => now(name) - counted(name);
    await Bun.sleep(STEADY_SECONDS * 1000);
    const [after, ...stayed] = await measure();
    if (before === undefined || during === undefined || after === undefined) throw new Error("no clients");
    const storm = joined(cameBack);
    const rest = joined([before, during, after, ...stayed]);
    return {
      from,
      seconds,
      caughtUpMs: quantiles(storm.caughtUp),
      resumedMs: quantiles(storm.resumed),
      notRecovered: storm.notRecovered,
      wrong: storm.wrong + rest.wrong,
      closed: { ...storm.closed, ...rest.closed },
      refused: storm.refused,
      liveMs: {
        before: quantiles(joined([before]).latency),
        during: quantiles(joined([during]).latency),
        after: quantiles(joined([after]).latency),
      },
      replayedMessages: grown("replayed_messages_total"),
      replayedBytes: grown("replayed_bytes_total"),
      logReads: grown("resume_log_reads_total"),
      logReadsShared: grown("resume_reads_shared_total"),
      logReadsRefused: grown("resume_reads_refused_total"),
      logReadBytes: grown("resume_log_read_bytes_total"),
      cpuSeconds,
      rssBytes: { connected: connectedBytes, most: rssMost },
    };
  } finally {
    await stopFeed();
    for (const clients of all) clients.end();
    await instance.end();
    await kafka.stop();
  }
}

function quantiles(histogram: { quantileMs(q: number): number | undefined; readonly maxUs: number }) {
  const of = (q: number) => histogram.quantileMs(q) ?? Number.NaN;
  return { p50: of(0.5), p99: of(0.99), max: histogram.maxUs / 1000 };
}

const results: Awaited<ReturnType<typeof storm>>[] = [];
for (const from of flags.from.split(",")) {
  if (from !== "history" && from !== "log") throw new Error(`--from is history or log, not ${from}`);
  results.push(await storm(from));
}

console.log(
  `${CLIENTS} clients come back at once after ${AWAY_SECONDS} s, ${LIVE} stay; ${RATE} records/s, 4 of 16 channels each; ` +
    `${SHARDS} shards, ${CORES} cores${apart === undefined ? "" : `, ${apart.cores} of them the servers' alone`}, Bun ${Bun.version}`,
);
type Result = (typeof results)[number];
const ms = ({ p50, p99, max }: Result["caughtUpMs"]) =>
  [p50, p99, max].map((value) => Math.round(value)).join(" / ");
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const rows: ReadonlyArray<readonly [name: string, cell: (result: Result) => string]> = [
  ["what was missed comes from", ({ from }) => from],
  ["all caught up after, s", ({ seconds }) => seconds.toFixed(1)],
  ["caught up since the storm began, ms p50 / p99 / max", ({ caughtUpMs }) => ms(caughtUpMs)],
  ["the same since the handshake", ({ resumedMs }) => ms(resumedMs)],
  ["live clients before", ({ liveMs }) => ms(liveMs.before)],
  ["live clients during", ({ liveMs }) => ms(liveMs.during)],
  ["live clients after", ({ liveMs }) => ms(liveMs.after)],
  ["missing, repeated or disordered", ({ wrong }) => `${wrong}`],
  ["not recovered", ({ notRecovered }) => `${notRecovered}`],
  ["refused / closed", ({ refused, closed }) => `${JSON.stringify(refused)} / ${JSON.stringify(closed)}`],
  ["messages replayed", ({ replayedMessages }) => `${replayedMessages}`],
  ["bytes replayed", ({ replayedBytes }) => mib(replayedBytes)],
  ["reads of the log / their bytes", ({ logReads, logReadBytes }) => `${logReads} / ${mib(logReadBytes)}`],
  ["reads answered by another's", ({ logReadsShared }) => `${logReadsShared}`],
  ["reads refused", ({ logReadsRefused }) => `${logReadsRefused}`],
  ["CPU of the servers, s", ({ cpuSeconds }) => cpuSeconds.toFixed(1)],
  ["RSS connected / at most", ({ rssBytes }) => `${mib(rssBytes.connected)} / ${mib(rssBytes.most)}`],
];
for (const [name, cell] of rows) {
  console.log(name.padEnd(54) + results.map((result) => cell(result).padEnd(30)).join(""));
}
await writeResults("storm", { ...flags, results });
