import { afterAll, beforeAll } from "bun:test";
import { type ClusterOptions, startCluster, type TestCluster } from "./cluster.fixture.ts";
import { Ledgers, Numbers, TOPIC } from "./numbers.fixture.ts";

export interface NumberedClusterOptions extends Omit<ClusterOptions, "topics"> {
  readonly partitions: number;
  /** Of the SDK, through HAProxy. */
  readonly clients: number;
  /** What is waited for before the clients come. */
  readonly settled?: (cluster: TestCluster) => Promise<unknown>;
}

export interface NumberedCluster {
  readonly cluster: TestCluster;
  readonly numbers: Numbers;
  readonly ledgers: Ledgers;
  stop(): Promise<void>;
}

/** A cluster of real parts, numbered records for it, and clients that hold ledgers of them. */
export async function startNumberedCluster(options: NumberedClusterOptions): Promise<NumberedCluster> {
  const { partitions, clients, settled, ...rest } = options;
  const cluster = await startCluster({ ...rest, topics: [{ name: TOPIC, partitions }] });
  const undo: Array<() => Promise<unknown>> = [() => cluster.stop()];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await settled?.(cluster);
    const numbers = new Numbers(cluster.kafka.brokers);
    undo.push(() => numbers.close());
    const ledgers = new Ledgers(clients, () => cluster.url);
    undo.push(() => ledgers.close());
    await ledgers.ready;
    return { cluster, numbers, ledgers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One such cluster for the tests of a `describe`, which is there while they run. */
export function numberedClusterForTests(
  testMs: number,
  options: NumberedClusterOptions,
): Omit<NumberedCluster, "stop"> {
  let started: NumberedCluster | undefined;
  beforeAll(async () => {
    started = await startNumberedCluster(options);
  }, testMs);
  afterAll(() => started?.stop(), testMs);
  const its = (): NumberedCluster => {
    if (started === undefined) throw new Error("the cluster has not started");
    return started;
  };
  return {
    get cluster() {
      return its().cluster;
    },
    get numbers() {
      return its().numbers;
    },
    get ledgers() {
      return its().ledgers;
    },
  };
}
