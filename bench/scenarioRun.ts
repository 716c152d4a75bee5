// One of the load tester's scenarios against a cluster of our own; the report goes to bench/results.
import { mkdirSync } from "node:fs";
import { parse, stringify } from "yaml";
import type { TestCluster } from "../test/cluster.fixture.ts";
import { childrenOf, pssBytes, rssBytes } from "./processes.ts";

/** Every client gets the records of this topic. */
export const TOPIC = "load";
const MEMORY_INTERVAL_MS = 5000;

export interface ScenarioRun {
  /** Of the load tester: 0 where every threshold held. */
  readonly code: number;
  /** At most, of all supervisors and shards. */
  readonly memory: { readonly rssBytes: number; readonly pssBytes: number; readonly processes: number };
}

/** Clients connect to the instances in turn, past the balancer, which would take a part of these cores for itself. */
export async function runScenario(
  name: string,
  { kafka, redis, nats, members }: TestCluster,
  flagsOver: Readonly<Record<string, string>>,
): Promise<ScenarioRun> {
  const scenario = parse(await Bun.file(`${import.meta.dir}/../loadtests/${name}.yaml`).text()) as object;
  const bus = redis === undefined ? "nats" : "redis";
  const results = resultsDirectory();
  const file = `${results}/capacity-${name}.yaml`;
  const busPages = { ...(redis && { redis: redis.url }), ...(nats && { nats: nats.monitoringUrl }) };
  await Bun.write(file, stringify({ ...scenario, ...busPages }));
  const flags = {
    "--scenario": file,
    "--urls": members.map(({ port }) => `ws://127.0.0.1:${port}/ws`).join(","),
    "--admins": members.map(({ adminPort }) => `http://127.0.0.1:${adminPort}`).join(","),
    "--publish": "kafka",
    "--topic": TOPIC,
    "--kafka-brokers": kafka.brokers.join(","),
    "--report": `${results}/capacity-${name}-${bus}.json`,
    ...flagsOver,
  };
  const command = [process.execPath, `${import.meta.dir}/../packages/cli/main.ts`, "loadtest"];
  const child = Bun.spawn([...command, ...Object.entries(flags).flat()], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const memory = watchMemory(
    members.flatMap(({ instance }) => (instance === undefined ? [] : [instance.pid])),
  );
  const code = await child.exited;
  return { code, memory: memory.stop() };
}

/** RSS counts the runtime's own pages, which the processes share, once for each of them; PSS does not. */
function watchMemory(supervisors: readonly number[]) {
  let most = { rssBytes: 0, pssBytes: 0, processes: 0 };
  const timer = setInterval(() => {
    const pids = supervisors.flatMap((pid) => [pid, ...childrenOf(pid)]);
    const now = { rssBytes: rssBytes(pids), pssBytes: pssBytes(pids), processes: pids.length };
    if (now.rssBytes > most.rssBytes) most = now;
  }, MEMORY_INTERVAL_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}

function resultsDirectory(): string {
  const results = `${import.meta.dir}/results`;
  mkdirSync(results, { recursive: true });
  return results;
}
