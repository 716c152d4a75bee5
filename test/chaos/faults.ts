import { writeFileSync } from "node:fs";
import type { ClusterMember, TestCluster } from "../cluster.fixture.ts";
import type { TcpProxy } from "../services/tcpProxy.ts";
import { frameFilter } from "./frameFaults.ts";

/** What faults are done to. */
export interface ChaosTarget {
  readonly cluster: TestCluster;
  readonly bus: "redis" | "nats";
  /** Between an instance and the bus, by the instance's id. */
  readonly proxies: ReadonlyMap<string, TcpProxy>;
  /** Where an instance's clock is set, by its id; undefined where clocks can not be set here. */
  readonly clocks: ReadonlyMap<string, string> | undefined;
  /** In [0, 1), decided by the seed. */
  readonly random: () => number;
}

/** Does one fault and undoes it; resolves with what exactly was done when all parts are there again. */
type Fault = (target: ChaosTarget) => Promise<string>;

/** A bus' connection, a pause of a server: from a blink to well beyond what heartbeats allow. */
const HICCUP_MS = { min: 200, max: 7000 };

export const FAULTS: Readonly<Record<string, Fault>> = {
  "kill a shard": async (target) => {
    const member = pick(target, running(target));
    const shard = pick(target, (await member.instance?.shardPids()) ?? []);
    process.kill(shard, "SIGKILL");
    await waitUntilReady(member);
    return `a shard of ${member.id}`;
  },
  "hang a shard": async (target) => {
    const member = pick(target, running(target));
    const shard = pick(target, (await member.instance?.shardPids()) ?? []);
    const ms = between(target, { min: 500, max: 9000 });
    process.kill(shard, "SIGSTOP");
    await Bun.sleep(ms);
    // The watchdog may have killed it meanwhile.
    tryKill(shard, "SIGCONT");
    await waitUntilReady(member);
    return `a shard of ${member.id} for ${ms} ms`;
  },
  "kill an instance": async (target) => {
    const member = pick(target, running(target));
    await member.end("SIGKILL");
    await Bun.sleep(between(target, { min: 0, max: 5000 }));
    await member.start();
    return member.id;
  },
  "restart an instance in order": async (target) => {
    const member = pick(target, running(target));
    const code = await member.end("SIGTERM");
    if (code !== 0) throw new Error(`${member.id} ended with ${code} on SIGTERM`);
    await Bun.sleep(between(target, { min: 0, max: 5000 }));
    await member.start();
    return member.id;
  },
  "an instance joins and leaves": async (target) => {
    const spare = target.cluster.members.find(({ instance }) => instance === undefined);
    if (spare === undefined) throw new Error("there is no spare instance");
    await spare.start();
    await Bun.sleep(between(target, { min: 2000, max: 8000 }));
    await spare.end(target.random() < 0.5 ? "SIGTERM" : "SIGKILL");
    return spare.id;
  },
  "kill HAProxy": async ({ cluster, ...target }) => {
    await cluster.haproxy.kill();
    await Bun.sleep(between(target, { min: 0, max: 3000 }));
    await cluster.haproxy.restart();
    return "all clients lose their connections at once";
  },
  "restart the bus, empty": async (target) => {
    const { redis, nats } = target.cluster;
    await (redis ?? nats)?.kill();
    const ms = between(target, HICCUP_MS);
    await Bun.sleep(ms);
    await (redis ?? nats)?.restart();
    return `after ${ms} ms`;
  },
  "hang the bus": async (target) => {
    const { redis, nats } = target.cluster;
    const ms = between(target, HICCUP_MS);
    redis?.signal("SIGSTOP");
    const resume = (await nats?.hang()) ?? (() => redis?.signal("SIGCONT"));
    await Bun.sleep(ms);
    resume();
    return `for ${ms} ms`;
  },
  "cut an instance from the bus": async (target) => {
    const [id, proxy] = pick(target, [...target.proxies]);
    proxy.cut();
    return `${id}, all connections, once`;
  },
  "stall an instance's way to the bus": async (target) => {
    const [id, proxy] = pick(target, [...target.proxies]);
    const ms = between(target, HICCUP_MS);
    const resume = proxy.stall();
    await Bun.sleep(ms);
    resume();
    return `${id} for ${ms} ms`;
  },
  "delay an instance's way to the bus": async (target) => {
    const [id, proxy] = pick(target, [...target.proxies]);
    const delayMs = between(target, { min: 20, max: 1500 });
    const undo = proxy.delay(delayMs);
    await Bun.sleep(between(target, { min: 2000, max: 8000 }));
    undo();
    return `${id} by ${delayMs} ms`;
  },
  "lose and repeat frames": async (target) => {
    const { bus, random } = target;
    const shares = { drop: 0.05 + random() * 0.4, repeat: random() * 0.3 };
    const proxies = [...target.proxies].filter(() => random() < 0.7);
    for (const [, proxy] of proxies) proxy.filter(() => frameFilter(bus, { ...shares, random }));
    await Bun.sleep(between(target, { min: 2000, max: 10_000 }));
    for (const [, proxy] of proxies) proxy.filter(undefined);
    const percent = (share: number) => `${Math.round(share * 100)} %`;
    return `${percent(shares.drop)} lost, ${percent(shares.repeat)} repeated, at ${proxies.map(([id]) => id).join(", ")}`;
  },
  "restart the Kafka broker": async ({ cluster, random }) => {
    if (random() < 0.5) await cluster.kafka.kill();
    else await cluster.kafka.halt();
    await cluster.kafka.restart();
    return "its only broker";
  },
  "hang the Kafka broker": async (target) => {
    const ms = between(target, { min: 500, max: 8000 });
    target.cluster.kafka.signal("SIGSTOP");
    await Bun.sleep(ms);
    target.cluster.kafka.signal("SIGCONT");
    return `for ${ms} ms`;
  },
  "set a clock": async (target) => {
    if (target.clocks === undefined) throw new Error("clocks can not be set here");
    const [id, file] = pick(target, [...target.clocks]);
    const seconds = Math.round((target.random() - 0.5) * 2 * 7200);
    setClock(file, seconds);
    await Bun.sleep(between(target, { min: 2000, max: 8000 }));
    setClock(file, 0);
    return `${id} by ${seconds} s, and back`;
  },
};

/** Of the whole machine's time, by libfaketime, which reads the file anew about once a second. */
export function setClock(file: string, seconds: number): void {
  writeFileSync(file, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}`);
}

function running({ cluster }: ChaosTarget): ClusterMember[] {
  return cluster.members.filter(({ instance }) => instance !== undefined);
}

function pick<T>({ random }: Pick<ChaosTarget, "random">, list: readonly T[]): T {
  const picked = list[Math.floor(random() * list.length)];
  if (picked === undefined) throw new Error("there is nothing to pick from");
  return picked;
}

function between(
  { random }: Pick<ChaosTarget, "random">,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  return Math.round(min + random() * (max - min));
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/** A fault is over when what it hit is there again: what comes next would else hit what is down already. */
async function waitUntilReady({ id, adminPort }: ClusterMember): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    // Who does not answer, or not to the end, is asked again.
    const asked = fetch(`http://127.0.0.1:${adminPort}/health`).then((response) => response.json());
    const report = (await asked.catch(() => undefined)) as
      | { checks: { shards: { status: string } } }
      | undefined;
    if (report?.checks.shards.status === "ok") return;
    await Bun.sleep(100);
  }
  throw new Error(`the shards of ${id} are not all ready within a minute`);
}
