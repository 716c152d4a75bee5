// Bytes on the wire and CPU per delivery of `encoding=deflate`, beside plain text and beside permessage-deflate, for the
// payloads of the demo feed and of the flights. All get the same messages in the same turns; the ratios count.
import { scriptFlags } from "../scripts/scriptFlags.ts";
import { FEEDS, type Feed, type FeedMessage } from "./deflate/feeds.ts";
import { TARGETS, type Target, type TargetKind } from "./deflate/targets.ts";
import { cpuMs, quantile, rssBytes } from "./processes.ts";
import { writeResults } from "./results.ts";
import { BENCH_USAGE } from "./usage.ts";

const { values: flags } = scriptFlags(BENCH_USAGE, {
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "300" },
    /** Messages a second, each to all clients. */
    rates: { type: "string", default: "20,200,1000" },
    seconds: { type: "string", default: "3" },
    /** Only servers whose names hold this. */
    only: { type: "string", default: "" },
  },
});
const CLIENTS = Number(flags.clients);
const SECONDS = Number(flags.seconds);
const TURN_MS = 10;
const QUIET_MS = 600;
const QUIET_MS_MAX = 120_000;

interface Row {
  readonly feed: string;
  readonly rate: number;
  readonly target: string;
  readonly bytes: number;
  readonly cpuUs: number;
  readonly frames: number;
  readonly rssBytes: number;
  readonly complete: number;
  /** NaN where the server is not ours. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Counts {
  readonly bytes: number;
  readonly frames: number;
  readonly closed: number;
}

/** A process of clients that only count. */
class ByteClients {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  readonly #ready = Promise.withResolvers<void>();
  #answer: (counts: Counts) => void = () => {};

  constructor({ port, path, extensions }: Target, channels: readonly string[]) {
    const script = new URL("./deflate/byteClients.ts", import.meta.url).pathname;
    const settings = [`${port}`, path, `${CLIENTS}`, extensions, JSON.stringify(channels)];
    this.#child = Bun.spawn([process.execPath, script, ...settings], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: Counts & { ready?: boolean }) =>
        message.ready === true ? this.#ready.resolve() : this.#answer(message),
      onExit: (_, code) => this.#ready.reject(new Error(`the clients ended with ${code}`)),
    });
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  counts(): Promise<Counts> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#child.send({});
    });
  }

  /** The counts once nothing has come for a while. */
  async quiet(): Promise<Counts> {
    let last = await this.counts();
    let sinceMs = performance.now();
    for (const startMs = sinceMs; performance.now() - sinceMs < QUIET_MS; ) {
      await Bun.sleep(100);
      const now = await this.counts();
      if (now.bytes !== last.bytes) sinceMs = performance.now();
      last = now;
      if (performance.now() - startMs > QUIET_MS_MAX) throw new Error("a server does not come to an end");
    }
    return last;
  }

  end(): void {
    this.#child.kill();
  }
}

async function publishFor(target: Target, feed: Feed, rate: number): Promise<number> {
  const started = performance.now();
  const pending: unknown[] = [];
  let published = 0;
  while (performance.now() - started < SECONDS * 1000) {
    const due = Math.floor(((performance.now() - started) / 1000) * rate) - published;
    const messages: FeedMessage[] = Array.from({ length: due }, () => feed.messages.next().value);
    if (due > 0) pending.push(target.publish(messages));
    published += due;
    await Bun.sleep(TURN_MS);
  }
  await Promise.all(pending);
  return published;
}

async function measure(kind: TargetKind, feed: Feed, rates: readonly number[]): Promise<Row[]> {
  const target = await kind.start(feed.channels, CLIENTS);
  const idleBytes = rssBytes([target.pid]);
  const clients = new ByteClients(target, feed.channels);
  await clients.ready;
  await clients.quiet();
  const rows: Row[] = [];
  for (const rate of rates) {
    const before = await clients.counts();
    const readBefore = target.latenciesMs?.length ?? 0;
    const cpu = cpuMs([target.pid]);
    const published = await publishFor(target, feed, rate);
    const after = await clients.quiet();
    const deliveries = published * CLIENTS;
    const frames = after.frames - before.frames;
    const latenciesMs = target.latenciesMs?.slice(readBefore);
    const read = latenciesMs?.length ?? frames / CLIENTS;
    rows.push({
      feed: feed.name,
      rate,
      target: kind.name,
      bytes: (after.bytes - before.bytes) / deliveries,
      // Of its own clients the bench's reads the same as all.
      cpuUs: ((cpuMs([target.pid]) - cpu) * 1000) / deliveries,
      frames: frames / deliveries,
      rssBytes: (rssBytes([target.pid]) - idleBytes) / CLIENTS,
      complete: read / published,
      p50Ms: quantile(latenciesMs ?? [], 0.5),
      p99Ms: quantile(latenciesMs ?? [], 0.99),
    });
    if (after.closed > 0) throw new Error(`${kind.name} closed ${after.closed} connections`);
  }
  clients.end();
  await target.end();
  return rows;
}

const rows: Row[] = [];
for (const makeFeed of FEEDS) {
  for (const kind of TARGETS.filter(({ name }) => name.includes(flags.only))) {
    rows.push(...(await measure(kind, makeFeed(), flags.rates.split(",").map(Number))));
  }
}
const time = (ms: number) => (Number.isNaN(ms) ? "" : ms.toFixed(0));
const plain = (row: Row) =>
  rows.find(({ feed, rate, target }) => feed === row.feed && rate === row.rate && target.endsWith("plain"));
console.log(
  `${CLIENTS} clients of all channels, ${SECONDS} s each, ${navigator.hardwareConcurrency} cores, Bun ${Bun.version}\n`,
);
console.log(
  "| feed | messages/s | server | bytes/delivery | of plain | CPU, µs/delivery | of plain | messages per frame | p50, ms | p99, ms | RSS per client, kB |",
);
console.log("|---|---|---|---|---|---|---|---|---|---|---|");
rows.sort((a, b) => a.feed.localeCompare(b.feed) || a.rate - b.rate);
for (const row of rows) {
  const base = plain(row);
  const { feed, rate, target, bytes, cpuUs, frames, complete } = row;
  const ratios = [bytes / (base?.bytes ?? Number.NaN), cpuUs / (base?.cpuUs ?? Number.NaN)];
  const cells = [feed, rate, target, bytes.toFixed(0), ratios[0]?.toFixed(2), cpuUs.toFixed(2)];
  const rest = [ratios[1]?.toFixed(2), (1 / frames).toFixed(1), time(row.p50Ms), time(row.p99Ms)];
  const memory = (row.rssBytes / 1000).toFixed(0);
  console.log(
    `| ${[...cells, ...rest, memory].join(" | ")} |${complete === 1 ? "" : ` read: ${complete.toFixed(4)}`}`,
  );
}
await writeResults("deflate", { clients: CLIENTS, seconds: SECONDS, rows });
