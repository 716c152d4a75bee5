import { Histogram } from "../../packages/loadtest/histogram.ts";
import { isOwnLoopback, loopbackAddresses } from "../../packages/loadtest/sourcePorts.ts";
import { startRedis, type TestRedis } from "../../test/services/redis.ts";
import { cpuMs, rssBytes } from "../processes.ts";
import { ClientProcess } from "./clientProcess.ts";
import type { Peer, RunningPeer } from "./peer.ts";
import { Publishing } from "./publishing.ts";

const CLIENT_PROCESSES = 2;
const SETTLE_MS = 2000;
const DRAIN_MS = 1000;
/** Beyond this a peer lags: its clients wait, and it would only get worse. */
const LAG_P99_MS = 500;
const COMPLETE_MIN = 0.995;
const RATE_GROWTH = 1.5;
/** The step at the equal rate is so much longer: the kernel counts CPU in ticks of 10 ms. */
const EQUAL_LONGER = 3;
const STEPS_MAX = 14;

export interface Load {
  readonly clients: number;
  /** Messages a second of the step in which all peers are compared, each to all clients. */
  readonly rate: number;
  /** Of a step; the one at the equal rate lasts three times as long. */
  readonly seconds: number;
  readonly batch: number;
}

export interface Step {
  readonly rate: number;
  readonly deliveriesPerSecond: number;
  /** Delivered once and in order, of what was due. */
  readonly complete: number;
  readonly late: number;
  /** Clients that have lost their connection since the start: the server's doing, or the bench's that it did not like. */
  readonly closed: number;
  readonly cpuUsPerDelivery: number;
  /** Of Redis, per message published. */
  readonly brokerUsPerMessage: number | undefined;
  readonly clientsUsPerDelivery: number;
  readonly frameBytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Figures {
  readonly peer: string;
  readonly instances: number;
  readonly rssBytesPerClient: number;
  readonly equal: Step;
  /** The last step that did not lag; undefined where even the equal one did. */
  readonly saturated: Step | undefined;
  readonly steps: readonly Step[];
}

/** Measures one peer: idle connections, then the equal rate, then rates that grow until it lags. */
export async function measure(peer: Peer, instances: number, load: Load): Promise<Figures> {
  const redis = instances > 1 ? await startRedis() : undefined;
  const running = await peer.start({ instances, redis, clients: load.clients });
  let processes: ClientProcess[] = [];
  try {
    await Bun.sleep(DRAIN_MS);
    const bareBytes = rssBytes(running.pids);
    const firstOf = (at: number) => Math.floor((load.clients * at) / CLIENT_PROCESSES);
    // The kernel has 28,000 ports towards a server, and those of the peer before are held for a minute.
    const isLoopback = isOwnLoopback(["ws://127.0.0.1"], process.platform);
    const addresses = isLoopback ? loopbackAddresses(Math.random) : () => [];
    processes = Array.from(
      { length: CLIENT_PROCESSES },
      (_, at) => new ClientProcess(peer.name, running.ports, firstOf(at + 1) - firstOf(at), addresses(at)),
    );
    await Promise.all(processes.map(({ ready }) => ready));
    await Bun.sleep(SETTLE_MS);
    const rssBytesPerClient = (rssBytes(running.pids) - bareBytes) / load.clients;
    const steps = await measureSteps({ running, redis, processes, load });
    const [equal] = steps;
    if (equal === undefined) throw new Error("nothing was measured");
    const saturated = steps.filter(carries).at(-1);
    return { peer: peer.name, instances, rssBytesPerClient, equal, saturated, steps };
  } finally {
    await Promise.all(processes.map((each) => each.end()));
    await running.stop();
    await redis?.stop();
  }
}

interface Setting {
  readonly running: RunningPeer;
  readonly redis: TestRedis | undefined;
  readonly processes: readonly ClientProcess[];
  readonly load: Load;
}

interface StepOptions {
  readonly publishing: Publishing;
  readonly rate: number;
  readonly seconds: number;
}

async function measureSteps(setting: Setting): Promise<readonly Step[]> {
  const { running, load } = setting;
  const publishing = new Publishing(running, load.batch);
  // Code that is compiled while it runs is slow at first.
  await publishing.run(load.rate, 1);
  await Bun.sleep(DRAIN_MS);
  const steps: Step[] = [];
  for (let rate = load.rate; steps.length < STEPS_MAX; rate = Math.round(rate * RATE_GROWTH)) {
    const seconds = steps.length === 0 ? load.seconds * EQUAL_LONGER : load.seconds;
    const step = await measureStep(setting, { publishing, rate, seconds });
    steps.push(step);
    if (!carries(step)) break;
  }
  return steps;
}

function carries({ complete, p99Ms }: Step): boolean {
  return complete >= COMPLETE_MIN && p99Ms <= LAG_P99_MS;
}

async function measureStep(
  { running, redis, processes, load }: Setting,
  { publishing, rate, seconds: forSeconds }: StepOptions,
): Promise<Step> {
  const before = await Promise.all(processes.map((each) => each.take()));
  const cpuBefore = cpuMs(running.pids);
  const brokerBefore = redis === undefined ? 0 : cpuMs([redis.pid]);
  const started = performance.now();
  const published = await publishing.run(rate, forSeconds);
  const seconds = (performance.now() - started) / 1000;
  await Bun.sleep(DRAIN_MS);
  const after = await Promise.all(processes.map((each) => each.take()));
  const sum = (of: (counts: (typeof after)[number]) => number) =>
    after.reduce((all, counts) => all + of(counts), 0);
  const latency = new Histogram();
  for (const counts of after) latency.merge(counts.latency);
  const deliveries = sum((counts) => counts.deliveries);
  const late = sum((counts) => counts.late);
  const cpuUs = (cpuMs(running.pids) - cpuBefore) * 1000;
  return {
    rate,
    deliveriesPerSecond: deliveries / seconds,
    complete: (deliveries - late) / (published * load.clients),
    late,
    closed: sum((counts) => counts.closed),
    cpuUsPerDelivery: cpuUs / deliveries,
    brokerUsPerMessage:
      redis === undefined ? undefined : ((cpuMs([redis.pid]) - brokerBefore) * 1000) / published,
    clientsUsPerDelivery:
      after.reduce((all, { cpuUs: own }, at) => all + own - (before[at]?.cpuUs ?? 0), 0) / deliveries,
    frameBytes: sum((counts) => counts.frameBytes) / deliveries,
    p50Ms: latency.quantileMs(0.5) ?? Number.NaN,
    p99Ms: latency.quantileMs(0.99) ?? Number.NaN,
  };
}
