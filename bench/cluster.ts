// What the bus costs, as a share of each message: CPU of a process that publishes, of one that receives, and of the bus'
// own server, at 20,000 messages a second. From each the same work without a bus, done at the same time, is taken away.
import { startNats } from "../test/services/nats.ts";
import { startRedis } from "../test/services/redis.ts";
import { cpuMs, quantile } from "./processes.ts";
import { writeResults } from "./results.ts";

const RATE = 20_000;
const WARM_UP_MS = 3000;
const MEASURE_MS = 8000;
const ROUNDS = 5;

type Role = "publish" | "receive" | "hear";

interface Half {
  readonly role: Role;
  readonly pid: number;
  /** Messages since the last call, and begins to count anew. */
  take(): Promise<number>;
  end(): void;
}

function startHalf(role: Role, url: string): Promise<Half> {
  const script = new URL("./busShareProcess.ts", import.meta.url).pathname;
  return new Promise((resolve) => {
    let answer: (messages: number) => void = () => {};
    const child = Bun.spawn([process.execPath, script, role, url, `${RATE}`], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: { ready?: boolean; messages?: number }) => {
        if (message.ready === true) resolve(half);
        else answer(message.messages ?? 0);
      },
    });
    const half: Half = {
      role,
      pid: child.pid,
      take: () =>
        new Promise((resolveTake) => {
          answer = resolveTake;
          child.send({ take: true });
        }),
      end: () => child.kill(),
    };
  });
}

/** µs of CPU per message of a process, or of the server, while the halves run. */
async function measure(halves: readonly Half[], serverPid?: number): Promise<number[]> {
  await Bun.sleep(WARM_UP_MS);
  await Promise.all(halves.map((half) => half.take()));
  const pids = [...halves.map(({ pid }) => pid), ...(serverPid === undefined ? [] : [serverPid])];
  const before = pids.map((pid) => cpuMs([pid]));
  await Bun.sleep(MEASURE_MS);
  const after = pids.map((pid) => cpuMs([pid]));
  const counts = await Promise.all(halves.map((half) => half.take()));
  for (const half of halves) half.end();
  const expected = (RATE * MEASURE_MS) / 1000;
  for (const [at, count] of counts.entries()) {
    if (halves[at]?.role !== "hear" && count < expected * 0.97)
      throw new Error(`${count} of ${expected} messages came through`);
  }
  return pids.map((_, at) => {
    const cpu = (after[at] ?? 0) - (before[at] ?? 0);
    // Who only hears counts nothing: the frames that went by hold as many as were due.
    return (cpu * 1000) / (counts[at] || expected);
  });
}

interface Figures {
  /** The same work without a bus, at the same time. */
  readonly publisherAloneUs: number;
  readonly receiverAloneUs: number;
  readonly publisherUs: number;
  readonly receiverUs: number;
  /** What every process pays to read all frames off the bus, also its own. */
  readonly hearerUs: number;
  readonly serverUs: number;
}

/** The halves without a bus run beside those with one: whatever else the machine does, it does to all of them. */
async function round(url: string, serverPid: number): Promise<Figures> {
  const halves = [
    await startHalf("receive", url),
    await startHalf("hear", url),
    await startHalf("publish", url),
    await startHalf("receive", "none"),
    await startHalf("publish", "none"),
  ];
  const [
    receiverUs = 0,
    hearerUs = 0,
    publisherUs = 0,
    receiverAloneUs = 0,
    publisherAloneUs = 0,
    serverUs = 0,
  ] = await measure(halves, serverPid);
  return { publisherAloneUs, receiverAloneUs, publisherUs, receiverUs, hearerUs, serverUs };
}

const redis = await startRedis();
const nats = await startNats();
const rounds: Record<"Redis" | "NATS", Figures[]> = { Redis: [], NATS: [] };
for (let left = ROUNDS; left > 0; left--) {
  rounds.Redis.push(await round(redis.url, redis.pid));
  rounds.NATS.push(await round(nats.url, nats.pid));
}
await redis.stop();
await nats.stop();

console.log(
  `${RATE} messages/s of about 300 bytes, µs of CPU per message: the median of ${ROUNDS} rounds, and least to most`,
);
console.log(["", "Redis", "NATS"].map((cell, at) => cell.padEnd(at === 0 ? 44 : 24)).join(""));
function row(name: string, of: (figures: Figures) => number): void {
  const cells = [rounds.Redis, rounds.NATS].map((all) => {
    const [least, median, most] = [0, 0.5, 1].map((q) => quantile(all.map(of), q * 0.999).toFixed(2));
    return `${median} (${least} to ${most})`.padEnd(24);
  });
  console.log(name.padEnd(44) + cells.join(""));
}
row("publishing process without a bus", (each) => each.publisherAloneUs);
row("publishing process", (each) => each.publisherUs);
row("  of which the bus", (each) => each.publisherUs - each.publisherAloneUs);
row(
  "    without its own frames, which it hears",
  (each) => each.publisherUs - each.publisherAloneUs - each.hearerUs,
);
row("receiving process without a bus", (each) => each.receiverAloneUs);
row("receiving process", (each) => each.receiverUs);
row("  of which the bus", (each) => each.receiverUs - each.receiverAloneUs);
row("process that only hears", (each) => each.hearerUs);
row("the bus' server, for three that hear", (each) => each.serverUs);
await writeResults("cluster", { rate: RATE, rounds });
