// Clients that move to where there is room: real instances behind HAProxy, one added, one restarted, under load.
import { describe, expect, test } from "bun:test";
import { closedAfterEach } from "./closing.fixture.ts";
import type { ClusterMember, TestCluster } from "./cluster.fixture.ts";
import { numberedClusterForTests } from "./numberedCluster.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { redisAvailable } from "./services/redis.ts";
import { Standstill } from "./standstill.fixture.ts";
import { metricOf, serversUp, until } from "./status.fixture.ts";

const CLIENTS = 300;
const PER_SECOND = 20;
const TEST_MS = 240_000;

const closedLater = closedAfterEach();
const isThere = kafkaAvailable() && haproxyAvailable() && redisAvailable();

describe.skipIf(!isThere)("instances with --rebalance behind HAProxy", () => {
  const its = numberedClusterForTests(TEST_MS, {
    ...{ instances: 2, spares: 1, shards: 2, bus: "redis", partitions: 4, clients: CLIENTS },
    flags: [
      ...["--rebalance", "--rebalance-pause-seconds", "5", "--rebalance-round-percent", "25"],
      ...["--rebalance-clients-per-second", `${PER_SECOND}`, "--drain-wait-ms", "4000"],
    ],
  });

  test(
    "an instance that is added gets its share: all within 5 % of the mean, nobody moved twice, nothing lost",
    async () => {
      const before = its.ledgers.reconnectsOfEach;
      await its.cluster.haproxy.clearCounters();
      const standstill = closedLater(new Standstill());
      await its.numbers.sendDuring(50, async () => {
        await its.cluster.members[2]?.start();
        await until("HAProxy has it", async () => (await serversUp(its.cluster)) === 3);
        await even(its.cluster);
      });
      const moved = its.ledgers.reconnectsOfEach.map((count, index) => count - (before[index] ?? 0));
      expect(Math.max(...moved)).toBe(1);
      const sum = moved.reduce((all, count) => all + count, 0);
      // The new one's share, and no more than that.
      expect(sum).toBeGreaterThanOrEqual(0.95 * (CLIENTS / 3));
      expect(sum).toBeLessThanOrEqual(1.05 * (CLIENTS / 3));
      for (const { ratePerSecondMax } of await its.cluster.haproxy.servers()) {
        expect(ratePerSecondMax).toBeLessThanOrEqual(standstill.mostOf(PER_SECOND));
      }
      await its.ledgers.expectAll(its.numbers.sent);
    },
    TEST_MS,
  );

  test(
    "after an instance was restarted, all are within 5 % of the mean again",
    async () => {
      const [first] = its.cluster.members;
      await its.numbers.sendDuring(50, async () => {
        expect(await first?.end()).toBe(0);
        await first?.start();
        await until("HAProxy has it back", async () => (await serversUp(its.cluster)) === 3);
        await even(its.cluster);
      });
      await its.ledgers.expectAll(its.numbers.sent);
    },
    TEST_MS,
  );

  test(
    "while one of them hangs nothing is moved, and by hand it is refused with the reason",
    async () => {
      const [first, second] = its.cluster.members;
      if (first === undefined || second === undefined) throw new Error("no instances");
      const pids = [second.instance?.pid ?? 0, ...((await second.instance?.shardPids()) ?? [])];
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      try {
        // Just before that it may be held because the others, which begin to read from the log, are not well.
        await until("the others say so", async () => (await balanceOf(first)).reason === "silent");
        const response = await fetch(`http://127.0.0.1:${first.adminPort}/api/rebalance`, { method: "POST" });
        expect(response.status).toBe(409);
        expect(await response.json()).toMatchObject({ error: { code: "rebalance_refused" } });
        expect(await metricOf(first, "shardcast_rebalance_held", 'reason="silent"')).toBe(1);
      } finally {
        for (const pid of pids) process.kill(pid, "SIGCONT");
      }
      await until("it is well again", async () => (await balanceOf(first)).state !== "held");
      await even(its.cluster);
      const response = await fetch(`http://127.0.0.1:${first.adminPort}/api/rebalance`, { method: "POST" });
      expect(response.status).toBe(202);
      await its.ledgers.expectAll(its.numbers.sent);
    },
    TEST_MS,
  );
});

/** Waits until HAProxy counts all clients, and no server's number is further than 5 % from the mean. */
async function even({ haproxy, members }: TestCluster): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const held = (await haproxy.servers()).map(({ connections }) => connections);
    const mean = CLIENTS / held.length;
    const isEven = held.every((count) => Math.abs(count - mean) <= 0.05 * mean);
    const balances = await Promise.all(members.map(balanceOf));
    if (isEven && balances.every(({ state, spreadPercent }) => state === "even" && spreadPercent <= 5))
      return;
    if (Date.now() > deadline) throw new Error(`still uneven: ${held.join(", ")}`);
    await Bun.sleep(250);
  }
}

interface Balance {
  readonly state: string;
  /** Where it is held. */
  readonly reason?: string;
  readonly spreadPercent: number;
}

async function balanceOf({ adminPort }: ClusterMember): Promise<Balance> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/api/cluster`);
  return ((await answer.json()) as { balance: Balance }).balance;
}
