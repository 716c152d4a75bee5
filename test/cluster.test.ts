import { describe, expect, test } from "bun:test";
import type { TestCluster } from "./cluster.fixture.ts";
import { startInstance } from "./instance.fixture.ts";
import { numberedClusterForTests } from "./numberedCluster.fixture.ts";
import { TOPIC } from "./numbers.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { natsAvailable } from "./services/nats.ts";
import { redisAvailable } from "./services/redis.ts";
import { clusterOf, healthOf, serversUp, until } from "./status.fixture.ts";

const CLIENTS = 60;
const TEST_MS = 120_000;

const available = kafkaAvailable() && haproxyAvailable();
const BUSES = [
  { bus: "redis", isThere: available && redisAvailable() },
  { bus: "nats", isThere: available && natsAvailable() },
] as const;

for (const { bus, isThere } of BUSES) {
  describe.skipIf(!isThere)(`three instances behind HAProxy, on ${bus}`, () => {
    const its = numberedClusterForTests(TEST_MS, {
      ...{ instances: 3, shards: 2, bus, partitions: 4, clients: CLIENTS },
      flags: ["--max-connections", "70"],
      settled: (started) => until("HAProxy sees all instances", async () => (await serversUp(started)) === 3),
    });

    test(
      "every client has every record, whichever instance it is at",
      async () => {
        await its.numbers.send(200);
        await its.ledgers.expectAll(its.numbers.sent);
        expect(its.ledgers.reconnects).toBe(0);
      },
      TEST_MS,
    );

    test("the load balancer spreads the clients evenly", async () => {
      const held = (await its.cluster.haproxy.servers()).map(({ connections }) => connections);
      expect(held.reduce((sum, count) => sum + count, 0)).toBe(CLIENTS);
      for (const count of held) expect(Math.abs(count - CLIENTS / 3)).toBeLessThanOrEqual(2);
    });

    test(
      "any instance tells of all",
      async () => {
        for (const { adminPort } of its.cluster.members) {
          await until("it sees all three", async () => {
            const { instances, totals } = await clusterOf(adminPort);
            return instances.length === 3 && totals.connections === CLIENTS;
          });
          const { instances, problems, totals } = await clusterOf(adminPort);
          expect(instances.map(({ id }) => id)).toEqual(["a", "b", "c"]);
          expect(instances.filter(({ isSelf }) => isSelf)).toHaveLength(1);
          expect(problems).toEqual([]);
          expect(totals).toMatchObject({ instances: 3, shards: 6, connectionsMax: 210 });
        }
      },
      TEST_MS,
    );

    test(
      "an instance that is killed is taken out, its clients go on elsewhere, and it comes back",
      async () => {
        const [first] = its.cluster.members;
        if (first === undefined) throw new Error("no instance");
        const sending = its.numbers.send(300, 10);
        await Bun.sleep(500);
        await first.end("SIGKILL");
        await until("HAProxy has taken it out", async () => (await serversUp(its.cluster)) === 2);
        await sending;
        await its.ledgers.expectAll(its.numbers.sent);
        expect(its.ledgers.reconnects).toBeGreaterThan(0);
        await first.start();
        await until("HAProxy has brought it back", async () => (await serversUp(its.cluster)) === 3);
        await its.numbers.send(50);
        await its.ledgers.expectAll(its.numbers.sent);
      },
      TEST_MS,
    );

    test(
      "an instance that hangs is taken out, and brought back when it goes on",
      async () => {
        const [, second] = its.cluster.members;
        const pids = [second?.instance?.pid ?? 0, ...((await second?.instance?.shardPids()) ?? [])];
        for (const pid of pids) process.kill(pid, "SIGSTOP");
        await until("HAProxy has taken it out", async () => (await serversUp(its.cluster)) === 2);
        for (const pid of pids) process.kill(pid, "SIGCONT");
        await until("HAProxy has brought it back", async () => (await serversUp(its.cluster)) === 3);
        await its.numbers.send(50);
        await its.ledgers.expectAll(its.numbers.sent);
      },
      TEST_MS,
    );

    test(
      "a full instance gets no more clients, and keeps those it has",
      async () => {
        const extra: WebSocket[] = [];
        const [, , third] = its.cluster.members;
        try {
          await until("it is full", async () => {
            extra.push(new WebSocket(`ws://127.0.0.1:${third?.port}/ws`));
            return (await healthOf(third)).status === 503;
          });
          await until("HAProxy has taken it out", async () => (await serversUp(its.cluster)) === 2);
          expect((await its.cluster.haproxy.servers()).find(({ name }) => name === "c")?.check).toBe("L7STS");
          await its.numbers.send(20);
          await its.ledgers.expectAll(its.numbers.sent);
        } finally {
          for (const socket of extra) socket.close();
        }
        await until("HAProxy has brought it back", async () => (await serversUp(its.cluster)) === 3);
      },
      TEST_MS,
    );

    test(
      "with the bus gone for good, delivery goes on from the log, and nothing is repeated when it is back",
      async () => {
        const server = its.cluster.redis ?? its.cluster.nats;
        const before = its.ledgers.reconnects;
        await its.numbers.send(20);
        await server?.kill();
        await until("every instance says so, and stays in the load balancer", async () => {
          const all = await Promise.all(its.cluster.members.map(healthOf));
          for (const { status } of all) expect(status).toBe(200);
          return all.every(({ checks }) => checks["bus"]?.status === "degraded");
        });
        await its.numbers.send(100, 20);
        await its.ledgers.expectAll(its.numbers.sent);
        await server?.restart();
        await its.numbers.send(50, 20);
        await until("the bus serves again, and no stream is read from the log", async () => {
          const all = await Promise.all(its.cluster.members.map(healthOf));
          return all.every(
            ({ checks }) => checks["bus"]?.status === "ok" && checks["repair"]?.status === "ok",
          );
        });
        await its.numbers.send(50);
        await its.ledgers.expectAll(its.numbers.sent);
        expect(its.ledgers.reconnects).toBe(before);
      },
      TEST_MS,
    );

    test(
      "a bus that hangs is noticed, and costs no message",
      async () => {
        const resume = await hang(its.cluster);
        try {
          await until("every instance says so", async () => {
            const all = await Promise.all(its.cluster.members.map(healthOf));
            return all.every(({ checks }) => checks["bus"]?.status === "degraded");
          });
          await its.numbers.send(50, 20);
          await its.ledgers.expectAll(its.numbers.sent);
        } finally {
          resume();
        }
        await until("the bus serves again", async () => {
          const all = await Promise.all(its.cluster.members.map(healthOf));
          return all.every(({ checks }) => checks["bus"]?.status === "ok");
        });
        await its.numbers.send(50);
        await its.ledgers.expectAll(its.numbers.sent);
      },
      TEST_MS,
    );

    test(
      "an instance with another's id, and one with other settings, are told apart and reported",
      async () => {
        const url = (its.cluster.redis ?? its.cluster.nats)?.url ?? "";
        const stranger = await startInstance([
          ...["--instance", "a", "--shards", "1", "--bus", url, "--channel-template", "{topic}.{key}"],
          ...["--kafka-brokers", its.cluster.kafka.brokers.join(","), "--kafka-topics", TOPIC],
        ]);
        try {
          const [, second] = its.cluster.members;
          await until("both are reported", async () => {
            const { problems } = await clusterOf(second?.adminPort ?? 0);
            const kinds = problems.map(({ kind }) => kind);
            return kinds.includes("duplicate_id") && kinds.includes("settings_differ");
          });
          const { checks, status } = await healthOf(second);
          expect(status).toBe(200);
          expect(checks["cluster"]).toMatchObject({ status: "degraded" });
        } finally {
          await stranger.end();
        }
      },
      TEST_MS,
    );
  });
}

async function hang({ redis, nats }: TestCluster): Promise<() => void> {
  if (nats !== undefined) return await nats.hang();
  redis?.signal("SIGSTOP");
  return () => redis?.signal("SIGCONT");
}
