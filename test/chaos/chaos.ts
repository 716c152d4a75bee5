import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect } from "@shardcast/client/client";
import { startCluster, type TestCluster } from "../cluster.fixture.ts";
import { fakeTimeLibrary } from "../services/fakeTime.ts";
import { startTcpProxy, type TcpProxy } from "../services/tcpProxy.ts";
import { type ChaosTarget, FAULTS, setClock } from "./faults.ts";
import { Feed, type FeedRecord } from "./feed.ts";
import { Books, Ledger, type Violation } from "./ledger.ts";
import { seededRandom } from "./random.ts";
import { RawClient } from "./rawClient.ts";

export interface ChaosOptions {
  readonly bus: "redis" | "nats";
  /** The same seed chooses the same faults; what they meet is the machine's. */
  readonly seed: number;
  /** Ends after this time, or with `faults` "each" when each was done once. */
  readonly minutes?: number;
  readonly faults?: "each";
  readonly sdkClients?: number;
  readonly rawClients?: number;
  readonly recordsPerSecond?: number;
  readonly onLine?: (line: string) => void;
}

export interface DoneFault {
  readonly fault: string;
  readonly what: string;
  /** From the beginning of the run to the beginning of the fault. */
  readonly atSeconds: number;
  /** The greatest time from the log to a client, from the fault until the next. */
  readonly worstMs: number;
  /** The same, without what was written while its client was away. */
  readonly connectedMs: number;
}

export interface ChaosReport {
  readonly bus: string;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: readonly DoneFault[];
  readonly clients: number;
  readonly records: number;
  readonly deliveries: number;
  readonly reconnects: number;
  /** What clients were told that they miss. The log had it all, so there should be none. */
  readonly gaps: readonly string[];
  readonly violations: readonly Violation[];
  /** Channels of clients that did not get all in time. */
  readonly behind: readonly string[];
  /** Whether the log itself holds the records that were sent, each once and in order. */
  readonly logFault: string | undefined;
  readonly worstMs: number;
}

const TOPIC = "chaos";
const PARTITIONS = 6;
const KEYS = Array.from({ length: 16 }, (_, index) => `key${index}`);
const CHANNELS_EACH = 4;
const SETTLE_MS = { min: 1000, max: 6000 };
const CATCH_UP_MS = 120_000;

/** Breaks a cluster of real parts, over and over, while clients hold ledgers of what they get. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { bus, seed, sdkClients = 200, rawClients = 50, recordsPerSecond = 100, onLine = () => {} } = options;
  const random = seededRandom(seed);
  const directory = mkdtempSync(join(tmpdir(), "shardcast-chaos-"));
  const proxies = new Map<string, TcpProxy>();
  const clocks = new Map<string, string>();
  const library = fakeTimeLibrary();
  let cluster: TestCluster | undefined;
  try {
    cluster = await startCluster({
      ...{ instances: 3, spares: 1, shards: 2, bus },
      // The broker's own time, so that what a message waits before it is in the log is not held against us.
      topics: [
        {
          name: TOPIC,
          partitions: PARTITIONS,
          settings: { "message.timestamp.type": "LogAppendTime" },
        },
      ],
      flags: ["--max-connections", "2000", "--log-level", "warn"],
      busUrl: async (direct, id) => {
        const url = new URL(direct);
        const proxy = await startTcpProxy({ port: Number(url.port) });
        proxies.set(id, proxy);
        url.port = `${proxy.port}`;
        return url.href;
      },
      env: (id) => {
        if (library === undefined) return {};
        const file = join(directory, `clock-${id}`);
        setClock(file, 0);
        clocks.set(id, file);
        return {
          ...{ LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: "1" },
          FAKETIME_DONT_FAKE_MONOTONIC: "1",
          DONT_FAKE_MONOTONIC: "1",
        };
      },
    });
    const target = { cluster, bus, proxies, clocks: library === undefined ? undefined : clocks, random };
    return await run(options, target, { sdkClients, rawClients, recordsPerSecond, onLine });
  } finally {
    await cluster?.stop();
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    rmSync(directory, { recursive: true, force: true });
  }
}

type Load = Required<Pick<ChaosOptions, "sdkClients" | "rawClients" | "recordsPerSecond" | "onLine">>;

async function run(options: ChaosOptions, target: ChaosTarget, load: Load): Promise<ChaosReport> {
  const books = new Books();
  const clients = startClients(target.cluster.url, load, books);
  try {
    return await breakAndJudge(options, target, load, { books, clients });
  } finally {
    // Also when a part could not be started again: they would else try for ever to come back.
    await Promise.all(clients.map(({ close }) => close()));
  }
}

async function breakAndJudge(
  { bus, seed, minutes = 1, faults }: ChaosOptions,
  target: ChaosTarget,
  load: Load,
  { books, clients }: { readonly books: Books; readonly clients: readonly ChaosClient[] },
): Promise<ChaosReport> {
  const { cluster, random } = target;
  const { onLine } = load;
  await Promise.all(clients.map(({ ready }) => ready));
  const feed = new Feed(cluster.kafka.brokers, TOPIC, { keys: KEYS, perSecond: load.recordsPerSecond });
  feed.start();
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  onLine(
    `${bus}, seed ${seed}: 3 instances of 2 shards, ${clients.length} clients, ${load.recordsPerSecond} records/s`,
  );
  await Bun.sleep(3000);
  while (books.deliveries === 0) await Bun.sleep(100);
  onLine(`calm: from the log to a client, at most ${Math.round(books.takeWorst().anyMs)} ms`);
  const done: DoneFault[] = [];
  for (const name of schedule(target, faults === "each" ? undefined : () => seconds() < minutes * 60)) {
    const fault = FAULTS[name];
    if (fault === undefined) continue;
    const atSeconds = seconds();
    const what = await fault(target);
    await Bun.sleep(SETTLE_MS.min + random() * (SETTLE_MS.max - SETTLE_MS.min));
    const worst = books.takeWorst();
    const connectedMs = Math.round(worst.connectedMs);
    const worstMs = Math.round(worst.anyMs);
    done.push({ fault: name, what, atSeconds: Math.round(atSeconds), worstMs, connectedMs });
    const trouble = books.violations.length > 0 ? `  ${books.violations.length} VIOLATIONS` : "";
    const gaps = books.gaps.length > 0 ? `  ${books.gaps.length} gaps` : "";
    onLine(
      `${done.length.toString().padStart(4)}  ${name}: ${what}; worst ${worstMs} ms, while connected ${connectedMs} ms${gaps}${trouble}`,
    );
  }
  await feed.stop();
  const totals = new Map(KEYS.map((key) => [`${key}.${TOPIC}`, feed.acknowledged.get(key) ?? 0]));
  const behind = () => clients.flatMap(({ ledger }) => ledger.behind(totals));
  const deadline = Date.now() + CATCH_UP_MS;
  while (behind().length > 0 && Date.now() < deadline) await Bun.sleep(100);
  return {
    ...{ bus, seed, seconds: Math.round(seconds()), faults: done, clients: clients.length },
    ...{ records: feed.records, deliveries: books.deliveries, gaps: books.gaps },
    ...{ violations: books.violations, behind: behind() },
    reconnects: clients.reduce((sum, { reconnects }) => sum + reconnects(), 0),
    logFault: await logFault(cluster, feed),
    worstMs: Math.max(0, ...done.map(({ worstMs }) => worstMs)),
  };
}

/** Each fault once, in an order that the seed decides; then by chance, for as long as `goesOn`. */
function* schedule({ random, clocks }: ChaosTarget, goesOn: (() => boolean) | undefined): Generator<string> {
  const names = Object.keys(FAULTS).filter((name) => name !== "set a clock" || clocks !== undefined);
  const round = () =>
    names
      .map((name) => ({ name, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ name }) => name);
  if (goesOn === undefined) {
    yield* round();
    return;
  }
  for (;;) {
    for (const name of round()) {
      if (!goesOn()) return;
      yield name;
    }
  }
}

interface ChaosClient {
  readonly ledger: Ledger;
  readonly ready: Promise<unknown>;
  readonly reconnects: () => number;
  readonly close: () => unknown;
}

function startClients(
  url: string,
  { sdkClients, rawClients }: { readonly sdkClients: number; readonly rawClients: number },
  books: Books,
): ChaosClient[] {
  return Array.from({ length: sdkClients + rawClients }, (_, index) => {
    // Every channel has clients of both kinds, and every client several partitions.
    const channels = Array.from(
      { length: CHANNELS_EACH },
      (_, at) => `${KEYS[(index + at * 5) % KEYS.length]}.${TOPIC}`,
    );
    if (index < sdkClients) return sdkClient(url, `sdk${index}`, channels, books);
    const ledger = new Ledger(`raw${index - sdkClients}`, channels, books);
    const client = new RawClient(url, channels, ledger);
    return { ledger, ready: client.ready, reconnects: () => client.reconnects, close: () => client.close() };
  });
}

function sdkClient(url: string, name: string, channels: readonly string[], books: Books): ChaosClient {
  const ledger = new Ledger(name, channels, books);
  const client: Client = connect(url, { onGap: ({ channel, reason }) => ledger.gap(channel, reason) });
  client.on("status", (status) => ledger.connected(status === "connected"));
  const subscriptions = channels.map((channel) =>
    client.subscribe<FeedRecord>(channel, ({ data, ts }) => ledger.message(channel, data, ts)),
  );
  return {
    ledger,
    ready: Promise.all(subscriptions.map(({ ready }) => ready)),
    reconnects: () => client.stats.reconnects,
    close: () => client.close(),
  };
}

/** Reads the topic with Kafka's own consumer, so that nothing of ours judges itself. */
async function logFault({ kafka }: TestCluster, feed: Feed): Promise<string | undefined> {
  const text = await kafka.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", kafka.brokers.join(","), "--topic", TOPIC, "--from-beginning"],
    ...["--property", "print.key=true", "--timeout-ms", "5000"],
  ]);
  const next = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [key = "", value] = line.split("\t");
    if (value === undefined) continue;
    const { n } = JSON.parse(value) as FeedRecord;
    if (n !== (next.get(key) ?? 0)) return `${key}: ${n} follows ${(next.get(key) ?? 0) - 1}`;
    next.set(key, n + 1);
  }
  for (const [key, count] of feed.acknowledged) {
    if (next.get(key) !== count) return `${key}: ${next.get(key) ?? 0} of ${count} acknowledged records`;
  }
  return undefined;
}
