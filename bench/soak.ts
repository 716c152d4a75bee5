// `npm run bench -- soak`: an hour in which clients come to a small cluster of real parts and vanish, in all the ways that
// there are, beside some that stay and keep ledgers. In the end: whether the servers' memory and open files are flat. It
// takes little of the machine, so that it can run beside other work; its end is 1 where something is not well.

import { scriptFlags } from "../scripts/scriptFlags.ts";
import { Feed } from "../test/chaos/feed.ts";
import { Books } from "../test/chaos/ledger.ts";
import { seededRandom } from "../test/chaos/random.ts";
import { startCluster, type TestCluster } from "../test/cluster.fixture.ts";
import { metricOf } from "../test/status.fixture.ts";
import { writeResults } from "./results.ts";
import { Churn } from "./soak/churn.ts";
import { gaugesOf, leftOver } from "./soak/leftOver.ts";
import { openFiles, ProcessWatch, type WatchedProcess } from "./soak/processWatch.ts";
import { Publishing } from "./soak/publishing.ts";
import { startResidents } from "./soak/residents.ts";
import { type SoakSummary, soakTable } from "./soak/table.ts";
import { faultsOf, restingBytes } from "./soak/verdict.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "60" },
    /** At the beginning, and then a rest, from which on it is judged; a quarter of all where it is not set. */
    "warm-up-minutes": { type: "string" },
    /** Connections that come, and vanish, in a second. */
    rate: { type: "string", default: "30" },
    residents: { type: "string", default: "30" },
    shards: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
  },
});
const MINUTES = Number(flags.minutes);
const WARM_UP_MINUTES = Number(flags["warm-up-minutes"] ?? MINUTES / 4);
const TOPIC = "soak";
const KEYS = Array.from({ length: 16 }, (_, index) => `key${index}`);
const CHANNELS = KEYS.map((key) => `${key}.${TOPIC}`);
const RECORDS_PER_SECOND = 20;
const BULK_CHANNEL = "bulk.large";
const INSTANCES = 2;
/** More than what history's bytes hold of channels with one short message each. */
const FRESH_CHANNELS = 12_000;
/** Whatever has a bound is to reach it early, so that what still grows then has none. */
const FLAGS = [
  ...["--log-level", "warn", "--max-connections", "5000", "--max-accepts-per-second-per-address", "100"],
  ...["--idle-timeout-ms", "10000", "--ping-interval-ms", "4000", "--handshake-timeout-ms", "4000"],
  ...["--history-bytes", "4MiB", "--history-seconds", "60", "--embedded-log-bytes", "4MiB"],
  ...["--backpressure-bytes", "64KiB"],
];
const SETTLED_MS_MAX = 180_000;
const REPORT_MS = 60_000;
/** Before it is looked at what a rest has brought, and then while that is done. */
const REST_SECONDS = { before: 60, measured: 120 };

if (!(MINUTES > 0) || !(WARM_UP_MINUTES < MINUTES) || !(Number(flags.rate) > 0)) {
  console.error(`--minutes has to be more than --warm-up-minutes, and --rate more than 0\n\n${BENCH_USAGE}`);
  process.exit(2);
}
const cluster = await startCluster({
  ...{ instances: INSTANCES, shards: Number(flags.shards), bus: "redis", flags: FLAGS },
  topics: [{ name: TOPIC, partitions: 6 }],
});
let exitCode = 1;
try {
  exitCode = await soak(cluster);
} finally {
  await cluster.stop();
}
process.exit(exitCode);

async function soak({ members, url, kafka }: TestCluster): Promise<number> {
  const books = new Books();
  const admins = members.map(({ adminPort }) => `http://127.0.0.1:${adminPort}`);
  const residents = startResidents(url, { count: Number(flags.residents), channels: CHANNELS, books });
  await Promise.all(residents.map(({ ready }) => ready));
  const feed = new Feed(kafka.brokers, TOPIC, { keys: KEYS, perSecond: RECORDS_PER_SECOND });
  feed.start();
  const publishing = new Publishing({ admins, bulkChannel: BULK_CHANNEL });
  await publishing.fill(FRESH_CHANNELS);
  publishing.start();
  const processes = await watchedProcesses(members);
  const before = await gaugesOf(admins);
  const filesBefore = new Map(processes.map(({ name, pid }) => [name, openFiles(pid)]));
  const acceptsOf = async () => {
    const each = await Promise.all(members.map((member) => metricOf(member, "shardcast_accepts_total")));
    return each.reduce((sum, value) => sum + value, 0);
  };
  const acceptsBefore = await acceptsOf();
  const watch = new ProcessWatch(processes);
  const churn = new Churn({
    ports: [...members.map(({ port }) => port), Number(new URL(url).port)],
    ...{ perSecond: Number(flags.rate), channels: CHANNELS, bulkChannel: BULK_CHANNEL },
    random: seededRandom(Number(flags.seed)),
  });
  console.log(
    `${MINUTES} minutes, ${flags.rate} visitors a second, ${residents.length} residents, ${RECORDS_PER_SECOND} records/s, ${processes.length} processes of servers`,
  );
  const remains = async () => leftOver(before, await gaugesOf(admins));
  const untilNothingRemains = async () => {
    const deadline = performance.now() + SETTLED_MS_MAX;
    while ((await remains()).length > 0 && performance.now() < deadline) await Bun.sleep(1000);
  };
  let reportMs = REPORT_MS;
  /** So many minutes of visitors, of all together. */
  const visits = async (minutes: number) => {
    const until = watch.seconds + minutes * 60;
    while (watch.seconds < until && !watch.failed) {
      await Bun.sleep(500);
      if (watch.seconds * 1000 < reportMs) continue;
      reportMs += REPORT_MS;
      console.log(line(watch, churn, books));
    }
  };
  /** What each process holds when nobody has come for a while, in bytes. */
  const rest = async (): Promise<ReadonlyMap<string, number>> => {
    await untilNothingRemains();
    await Bun.sleep(REST_SECONDS.before * 1000);
    const since = watch.seconds;
    await Bun.sleep(REST_SECONDS.measured * 1000);
    return new Map(
      processes.map(({ name }) => [
        name,
        restingBytes((watch.series.get(name)?.rss ?? []).filter(({ atSeconds }) => atSeconds >= since)),
      ]),
    );
  };
  await visits(WARM_UP_MINUTES);
  await churn.rest();
  const rssBefore = await rest();
  churn.goOn();
  const since = watch.seconds;
  await visits(MINUTES - WARM_UP_MINUTES);
  const until = watch.seconds;
  await churn.end();
  await untilNothingRemains();
  const filesAfter = new Map(processes.map(({ name, pid }) => [name, openFiles(pid)]));
  const rssAfter = await rest();
  const remaining = await remains();
  await publishing.end();
  await feed.stop();
  const totals = new Map(KEYS.map((key) => [`${key}.${TOPIC}`, feed.acknowledged.get(key) ?? 0]));
  const behind = () => residents.flatMap(({ ledger }) => ledger.behind(totals));
  const deadline = performance.now() + SETTLED_MS_MAX;
  while (behind().length > 0 && performance.now() < deadline) await Bun.sleep(100);
  const cores = watch.cores;
  await watch.end();
  const findings = {
    processes: processes.map(({ name }) => {
      const within = (what: "rss" | "files") =>
        (watch.series.get(name)?.[what] ?? []).filter(
          ({ atSeconds }) => atSeconds >= since && atSeconds <= until,
        );
      return {
        ...{ name, rss: within("rss"), files: within("files") },
        filesBefore: filesBefore.get(name) ?? Number.NaN,
        filesAfter: filesAfter.get(name) ?? Number.NaN,
        rssBefore: rssBefore.get(name) ?? Number.NaN,
        rssAfter: rssAfter.get(name) ?? Number.NaN,
      };
    }),
    minutesMeasured: MINUTES - WARM_UP_MINUTES,
    visits: churn.visits,
    accepts: (await acceptsOf()) - acceptsBefore,
    kindsMissing: [...churn.counts].filter(([, { came }]) => came === 0).map(([kind]) => kind),
    visitsFailed: [...churn.counts.values()].reduce((sum, { failed }) => sum + failed, 0),
    deliveries: books.deliveries,
    violations: books.violations.length,
    gaps: books.gaps.length,
    behind: behind().length,
    reconnects: residents.reduce((sum, { reconnects }) => sum + reconnects(), 0),
    leftOver: remaining,
  };
  const faults = faultsOf(findings);
  await Promise.all(residents.map(({ close }) => close()));
  const summary: SoakSummary = {
    findings,
    faults,
    series: watch.series,
    churn,
    cores,
    publishFailures: publishing.failures,
  };
  console.log(soakTable(summary));
  const counts = Object.fromEntries(churn.counts);
  const series = Object.fromEntries(watch.series);
  const { failures } = churn;
  await writeResults("soak", {
    ...flags,
    ...findings,
    processes: undefined,
    rest: Object.fromEntries(
      findings.processes.map(({ name, rssBefore: from, rssAfter: to }) => [name, { from, to }]),
    ),
    counts,
    series,
    faults,
    failures,
    cores,
  });
  return faults.length === 0 ? 0 : 1;
}

async function watchedProcesses(members: TestCluster["members"]): Promise<WatchedProcess[]> {
  const all = await Promise.all(
    members.map(async ({ id, instance, adminPort }) => {
      const admin = `http://127.0.0.1:${adminPort}`;
      const shards = (await instance?.shardPids()) ?? [];
      return [
        { name: `${id}, supervisor`, pid: instance?.pid ?? 0, admin, label: 'shard="supervisor"' },
        ...shards.map((pid, shard) => ({
          name: `${id}, shard ${shard}`,
          pid,
          admin,
          label: `shard="${shard}"`,
        })),
      ];
    }),
  );
  return all.flat();
}

function line(watch: ProcessWatch, churn: Churn, books: Books): string {
  const cells = [...watch.series.values()].map(({ rss, files }) => {
    const mib = (rss.at(-1)?.value ?? 0) / 2 ** 20;
    return `${mib.toFixed(0)} MiB ${files.at(-1)?.value}`;
  });
  const trouble = books.violations.length + books.gaps.length + churn.failures.length;
  return `${(watch.seconds / 60).toFixed(0).padStart(3)} min  ${churn.visits} came  ${watch.cores.toFixed(2)} cores  ${cells.join(" · ")}${trouble > 0 ? `  TROUBLE ${trouble}` : ""}`;
}
