// What the bus costs, as a share of each message: CPU of a process that publishes, of one that receives, and of the bus'
// own server, at 20,000 messages a second. From each the same work without a bus is taken away.
import { startNats } from "../test/services/nats.ts";
import { startRedis } from "../test/services/redis.ts";
import { cpuMs } from "./processes.ts";
import { writeResults } from "./results.ts";

const RATE = 20_000;
const WARM_UP_MS = 3000;
const MEASURE_MS = 8000;

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

const alone = {
  publish: (await measure([await startHalf("publish", "none")]))[0] ?? 0,
  receive: (await measure([await startHalf("receive", "none")]))[0] ?? 0,
};
const redis = await startRedis();
const nats = await startNats();
interface Figures {
  readonly bus: string;
  readonly publisherUs: number;
  readonly publisherShareUs: number;
  /** What every process pays to read all frames off the bus, also its own: a part of the publisher's share. */
  readonly echoUs: number;
  readonly receiverUs: number;
  readonly receiverShareUs: number;
  readonly serverUs: number;
}

const figures: Figures[] = [];
for (const [name, url, pid] of [
  ["Redis", redis.url, redis.pid],
  ["NATS", nats.url, nats.pid],
] as const) {
  const receiver = await startHalf("receive", url);
  const publisher = await startHalf("publish", url);
  const hearer = await startHalf("hear", url);
  const [publish = 0, receive = 0, echo = 0, server = 0] = await measure([publisher, receiver, hearer], pid);
  figures.push({
    bus: name,
    publisherUs: publish,
    publisherShareUs: publish - alone.publish,
    echoUs: echo,
    receiverUs: receive,
    receiverShareUs: receive - alone.receive,
    serverUs: server,
  });
}
await redis.stop();
await nats.stop();

console.log(
  `The bus' share at ${RATE} messages/s of about 300 bytes, one publisher, one receiver, one that only hears, µs of CPU per message`,
);
console.log(["", "none", "Redis", "NATS"].map((cell, at) => cell.padEnd(at === 0 ? 40 : 12)).join(""));
const row = (name: string, none: number | undefined, of: (figure: Figures) => number) =>
  console.log(
    name.padEnd(40) + [none, ...figures.map(of)].map((us) => (us?.toFixed(2) ?? "").padEnd(12)).join(""),
  );
row("publishing process", alone.publish, ({ publisherUs }) => publisherUs);
row("  of which the bus", undefined, ({ publisherShareUs }) => publisherShareUs);
row("    of that its own echo", undefined, ({ echoUs }) => echoUs);
row("    of that publishing", undefined, ({ publisherShareUs, echoUs }) => publisherShareUs - echoUs);
row("receiving process", alone.receive, ({ receiverUs }) => receiverUs);
row("  of which the bus", undefined, ({ receiverShareUs }) => receiverShareUs);
row("the bus' server", undefined, ({ serverUs }) => serverUs);
await writeResults("cluster", { rate: RATE, alone, figures });
