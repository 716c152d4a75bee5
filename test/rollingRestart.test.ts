// A deploy as it is meant to be: three instances behind HAProxy, each ended by SIGTERM and started again, under load.
import { describe, expect, test } from "bun:test";
import { closedAfterEach } from "./closing.fixture.ts";
import type { ClusterMember, TestCluster } from "./cluster.fixture.ts";
import { numberedClusterForTests } from "./numberedCluster.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { redisAvailable } from "./services/redis.ts";
import { Standstill } from "./standstill.fixture.ts";
import { metricOf, serversUp, until } from "./status.fixture.ts";

const CLIENTS = 120;
const PARTITIONS = 6;
const PER_SECOND = 30;
const TEST_MS = 240_000;

const closedLater = closedAfterEach();
const isThere = kafkaAvailable() && haproxyAvailable() && redisAvailable();

describe.skipIf(!isThere)("a rolling restart of three instances", () => {
  const its = numberedClusterForTests(TEST_MS, {
    ...{ instances: 3, shards: 2, bus: "redis", partitions: PARTITIONS, clients: CLIENTS },
    // HAProxy takes an instance out after two checks that fail, one a second.
    flags: [
      ...["--drain-wait-ms", "4000", "--drain-clients-per-second", `${PER_SECOND}`],
      ...["--max-accepts-per-second", "120"],
    ],
  });

  test(
    "loses no message, moves each client at most once per instance, and never faster than it was told",
    async () => {
      await its.cluster.haproxy.clearCounters();
      const standstill = closedLater(new Standstill());
      await its.numbers.sendDuring(20, async () => {
        for (const member of its.cluster.members) {
          const before = its.ledgers.reconnectsOfEach;
          const ending = member.end();
          await handedOver(its.cluster, member);
          expect(await ending).toBe(0);
          const moved = its.ledgers.reconnectsOfEach.map((count, index) => count - (before[index] ?? 0));
          expect(Math.max(...moved)).toBeLessThanOrEqual(1);
          await member.start();
          await until("HAProxy has it back", async () => (await serversUp(its.cluster)) === 3);
        }
      });
      await its.ledgers.expectAll(its.numbers.sent);
      for (const { ratePerSecondMax } of await its.cluster.haproxy.servers()) {
        expect(ratePerSecondMax).toBeLessThanOrEqual(standstill.mostOf(PER_SECOND));
      }
      for (const member of its.cluster.members) {
        expect(await metricOf(member, "shardcast_handshake_refusals_total", 'reason="draining"')).toBe(0);
        expect(await metricOf(member, "shardcast_handshake_refusals_total", 'reason="accept_rate"')).toBe(0);
      }
    },
    TEST_MS,
  );
});

/** The others own all partitions while the one that ends still holds clients. */
async function handedOver({ members }: TestCluster, leaving: ClusterMember): Promise<void> {
  const others = members.filter((member) => member !== leaving);
  await until("the others own all partitions", async () => {
    const owned = await Promise.all(others.map(partitionsOf));
    return new Set(owned.flat()).size === PARTITIONS;
  });
  expect(await metricOf(leaving, "shardcast_connections")).toBeGreaterThan(0);
}

async function partitionsOf({ adminPort }: ClusterMember): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return [...text.matchAll(/^shardcast_source_lag\{[^}]*stream="([^"]+)"/gm)].map(
    ([, stream = ""]) => stream,
  );
}
