import { beforeAll, describe, expect, test } from "bun:test";
import type { ClusterMember } from "./cluster.fixture.ts";
import { numberedClusterForTests } from "./numberedCluster.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { redisAvailable } from "./services/redis.ts";
import { clusterOf, healthOf, metricOf, until } from "./status.fixture.ts";

const CLIENTS = 30;
const TEST_MS = 120_000;

const isThere = [kafkaAvailable, haproxyAvailable, redisAvailable].every((check) => check());

describe.skipIf(!isThere)("one instance that ingests, and gateways before it", () => {
  let ingest: ClusterMember;
  let gateways: readonly ClusterMember[];
  /** Not started at first. */
  let spare: ClusterMember;

  const its = numberedClusterForTests(TEST_MS, {
    ...{ instances: 3, spares: 1, shards: 1, bus: "redis", partitions: 4, clients: CLIENTS },
    flagsOf: (id) => ["--role", id === "a" ? "ingest" : "gateway"],
    settled: (started) => until("HAProxy sees the gateways", async () => (await up(started)).length === 2),
  });
  beforeAll(async () => {
    const [first, second, third, last] = its.cluster.members;
    if (first === undefined || second === undefined || third === undefined || last === undefined)
      throw new Error("a member is missing");
    [ingest, gateways, spare] = [first, [second, third], last];
  }, TEST_MS);

  test(
    "clients at gateways have every record",
    async () => {
      await its.numbers.send(100);
      await its.ledgers.expectAll(its.numbers.sent);
      // From the bus, and not because everybody reads the log.
      for (const gateway of gateways)
        expect(await metricOf(gateway, "shardcast_streams_read_forward")).toBe(0);
    },
    TEST_MS,
  );

  test("the one that ingests refuses clients and says why, and load balancers leave it out", async () => {
    expect(await up()).toEqual(["b", "c"]);
    const base = `http://127.0.0.1:${ingest.port}`;
    const handshake = await fetch(`${base}/ws`, { headers: { Connection: "Upgrade", Upgrade: "websocket" } });
    expect(handshake.status).toBe(503);
    expect(await handshake.json()).toMatchObject({ error: { code: "no_clients" } });
    const health = await fetch(`${base}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ checks: { clients: { value: "none" } } });
    expect((await fetch(`${base}/live`)).status).toBe(200);
    expect((await healthOf(ingest)).status).toBe(200);
    expect(await metricOf(ingest, "shardcast_handshake_refusals_total", 'reason="no_clients"')).toBe(1);
  });

  test("it keeps no history, and repairs nothing", async () => {
    expect(await metricOf(ingest, "shardcast_streams")).toBe(0);
    expect(await metricOf(ingest, "shardcast_history_channels")).toBe(0);
    expect(await metricOf(ingest, "shardcast_published_publications_total")).toBeGreaterThanOrEqual(400);
  });

  test(
    "the cluster view tells the roles, and counts no places for clients where there are none",
    async () => {
      for (const { adminPort } of [ingest, ...gateways])
        await until("all are seen", async () => (await clusterOf(adminPort)).instances.length === 3);
      const { instances, problems, totals } = await clusterOf(ingest.adminPort);
      expect(instances.map(({ role }) => role)).toEqual(["ingest", "gateway", "gateway"]);
      expect(problems).toEqual([]);
      const { totals: own } = await clusterOf(gateways[0]?.adminPort ?? 0);
      expect(totals.connectionsMax).toBe(own.connectionsMax);
      expect(instances.find(({ id }) => id === "a")).toMatchObject({ connectionsMax: 0 });
    },
    TEST_MS,
  );

  test(
    "gateways that come and go cause no rebalance",
    async () => {
      const before = { joins: joins(ingest), rebalances: await rebalances() };
      expect(before.joins).toHaveLength(1);
      const sending = its.numbers.send(400, 10);
      await spare.start();
      await until("HAProxy sends it clients", async () => (await up()).length === 3);
      await gateways[0]?.end("SIGKILL");
      await until("HAProxy has taken the other out", async () => (await up()).length === 2);
      await gateways[1]?.end();
      await gateways[0]?.start();
      await until("HAProxy has brought it back", async () => (await up()).length === 2);
      await sending;
      await its.ledgers.expectAll(its.numbers.sent);
      expect(its.ledgers.reconnects).toBeGreaterThan(CLIENTS / 2);
      expect({ joins: joins(ingest), rebalances: await rebalances() }).toEqual(before);
      for (const gateway of [spare, gateways[0]]) {
        expect(joins(gateway)).toEqual([]);
        expect((await healthOf(gateway)).checks["source"]).toMatchObject({ status: "ok", value: "none" });
      }
    },
    TEST_MS,
  );

  test(
    "without the one that ingests, gateways go on from the log, and say so",
    async () => {
      const before = its.ledgers.reconnects;
      const serving = [spare, gateways[0]];
      await ingest.end("SIGKILL");
      const sending = its.numbers.send(100, 20);
      await until("they say so", async () => {
        const all = await Promise.all(serving.map(healthOf));
        for (const { status } of all) expect(status).toBe(200);
        return all.every(({ checks }) => checks["repair"]?.status === "degraded");
      });
      await sending;
      await its.ledgers.expectAll(its.numbers.sent);
      await ingest.start();
      await until("they are served by the bus again", async () => {
        const all = await Promise.all(serving.map(healthOf));
        return all.every(({ checks }) => checks["repair"]?.status === "ok");
      });
      await its.numbers.send(50);
      await its.ledgers.expectAll(its.numbers.sent);
      expect(its.ledgers.reconnects).toBe(before);
    },
    TEST_MS,
  );

  async function up(of = its.cluster): Promise<string[]> {
    return (await of.haproxy.servers()).filter(({ status }) => status === "UP").map(({ name }) => name);
  }

  function rebalances(): Promise<number> {
    return metricOf(ingest, "shardcast_source_rebalances_total");
  }
});

/** The generations of the consumer group that an instance's shards have joined since it started, as it logged them. */
function joins(member: ClusterMember | undefined): string[] {
  return (member?.instance?.log ?? []).flatMap((line) => /"generation":(\d+)/.exec(line)?.[1] ?? []);
}
