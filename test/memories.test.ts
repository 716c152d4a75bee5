// A cluster without Kafka: each instance's memory is the log of what was published at it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { frameFilter } from "./chaos/frameFaults.ts";
import { seededRandom } from "./chaos/random.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { natsAvailable, startNats } from "./services/nats.ts";
import { redisAvailable, startRedis } from "./services/redis.ts";
import { startTcpProxy, type TcpProxy } from "./services/tcpProxy.ts";
import { until } from "./status.fixture.ts";

const TEST_MS = 150_000;
const CHANNEL = "numbers.all";
const BUSES = [
  { bus: "redis", isThere: redisAvailable(), start: () => startRedis() },
  { bus: "nats", isThere: natsAvailable(), start: () => startNats() },
] as const;

interface Server {
  readonly url: string;
  readonly port: number;
  restart(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** A client of one instance and what it has seen, by the number of the instance that it was published at. */
function follow(instance: TestInstance, publishers: number) {
  const seen = Array.from({ length: publishers }, () => [] as number[]);
  const cursors: string[] = [];
  const client = connect(instance.url, { backoff: { minMs: 50, maxMs: 500 } });
  const { ready } = client.subscribe<{ at: number; number: number }>(CHANNEL, ({ data, cursor }) => {
    seen[data.at]?.push(data.number);
    cursors.push(cursor);
  });
  return { client, seen, cursors, ready };
}

for (const { bus, isThere, start } of BUSES) {
  describe.skipIf(!isThere)(`instances without Kafka, on ${bus}`, () => {
    let server: Server;
    let proxy: TcpProxy;
    let instances: TestInstance[] = [];
    let clients: Array<ReturnType<typeof follow>> = [];
    const sent = [0, 0, 0];

    beforeAll(async () => {
      server = await start();
      proxy = await startTcpProxy(server);
      const through = server.url.replace(`:${server.port}`, `:${proxy.port}`);
      instances = await Promise.all(
        ["a", "b", "c"].map((id) =>
          startInstance([
            ...["--instance", id, "--shards", "2", "--max-connections", "20"],
            ...["--bus", id === "b" ? through : server.url],
          ]),
        ),
      );
      clients = instances.flatMap((instance) => [follow(instance, 3), follow(instance, 3)]);
      await Promise.all(clients.map(({ ready }) => ready));
    }, TEST_MS);

    afterAll(async () => {
      await Promise.all(clients.map(({ client }) => client.close()));
      await Promise.all(instances.map((instance) => instance.end()));
      await proxy?.close();
      await server?.stop();
    }, TEST_MS);

    async function publish(at: number, count: number): Promise<string> {
      let last = "";
      for (let left = count; left > 0; left--) {
        const cursors = await instances[at]?.publish({ channel: CHANNEL, data: { at, number: sent[at] } });
        sent[at] = (sent[at] ?? 0) + 1;
        last = cursors?.[0] ?? "";
      }
      return last;
    }

    async function publishEverywhere(count: number): Promise<void> {
      await Promise.all([0, 1, 2].map((at) => publish(at, count)));
    }

    async function expectAll(): Promise<void> {
      const counts = () => clients.map(({ seen }) => seen.map(({ length }) => length));
      try {
        await until("all have all", async () =>
          counts().every((own) => own.every((count, at) => count >= (sent[at] ?? 0))),
        );
      } catch (error) {
        throw new Error(`sent ${sent}, seen ${JSON.stringify(counts())}`, { cause: error });
      }
      for (const { seen, client } of clients) {
        seen.forEach((numbers, at) => {
          expect(numbers).toEqual(Array.from({ length: sent[at] ?? 0 }, (_, number) => number));
        });
        expect(client.stats.gaps).toBe(0);
      }
    }

    async function figure(at: number, name: string): Promise<number> {
      const text = await (await fetch(`${instances[at]?.admin}/metrics`)).text();
      return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)?.[1]);
    }

    test(
      "every client has what was published at any instance, once and in order",
      async () => {
        await publishEverywhere(100);
        await expectAll();
      },
      TEST_MS,
    );

    test(
      "a cursor of one instance is resumed at another",
      async () => {
        const at = instances[2];
        if (at === undefined) throw new Error("it was not started");
        const cursor = clients[0]?.cursors[10] ?? "";
        const resumed = connect(at.url);
        try {
          const { ready } = resumed.subscribe(CHANNEL, () => undefined, { since: cursor });
          expect(await ready).toMatchObject({ recovered: true });
        } finally {
          await resumed.close();
        }
      },
      TEST_MS,
    );

    test(
      "frames that one instance did not get are asked for at their owners",
      async () => {
        const before = await figure(1, "shardcast_peer_questions_total");
        const random = seededRandom(7);
        proxy.filter(() => frameFilter(bus, { drop: 0.3, repeat: 0.2, random }));
        await publishEverywhere(100);
        await expectAll();
        proxy.filter(undefined);
        expect(await figure(1, "shardcast_peer_questions_total")).toBeGreaterThan(before);
      },
      TEST_MS,
    );

    test(
      "a bus that was away loses nothing, and the publisher's own clients do not wait for it",
      async () => {
        await server.kill();
        await publishEverywhere(30);
        const own = clients.slice(0, 2);
        await until("those at the publisher have it", async () =>
          own.every(({ seen }) => seen[0]?.length === sent[0]),
        );
        await server.restart();
        await expectAll();
      },
      TEST_MS,
    );

    test(
      "an instance that starts later has what was there before it",
      async () => {
        const cursor = clients[0]?.cursors[20] ?? "";
        const late = await startInstance(["--instance", "d", "--shards", "1", "--bus", server.url]);
        const client = connect(late.url);
        try {
          const texts: unknown[] = [];
          const { ready } = client.subscribe(CHANNEL, ({ data }) => texts.push(data), { since: cursor });
          expect(await ready).toMatchObject({ recovered: true });
          await until("the rest has come", async () => texts.length > 0);
        } finally {
          await client.close();
          await late.end();
        }
      },
      TEST_MS,
    );

    test(
      "an instance that starts while the bus is away brings its clients nothing that was there before them",
      async () => {
        await server.kill();
        const late = await startInstance(["--instance", "e", "--shards", "1", "--bus", server.url]);
        const { client, seen, ready } = follow(late, 3);
        try {
          await ready;
          await server.restart();
          const fresh = [...sent];
          const peers = async () =>
            (await (await fetch(`${late.admin}/metrics`)).text()).match(/^shardcast_streams\{.*\} (\d+)$/m);
          await until("it follows the others", async () => Number((await peers())?.[1]) >= 4);
          await publishEverywhere(5);
          await until("it has what is new", async () => seen.every((own) => own.length >= 5));
          seen.forEach((own, at) => {
            expect(own).toEqual([0, 1, 2, 3, 4].map((number) => number + (fresh[at] ?? 0)));
          });
          await expectAll();
        } finally {
          await client.close();
          await late.end();
        }
      },
      TEST_MS,
    );

    test(
      "an instance that ends in order leaves no gap, and its cursors are good elsewhere",
      async () => {
        const followed = async () => await figure(0, "shardcast_streams");
        const leaving = await startInstance(["--instance", "f", "--shards", "1", "--bus", server.url]);
        const others = clients.map(({ cursors }) => cursors);
        const counts = others.map(({ length }) => length);
        const [last = ""] = await leaving.publish({ channel: CHANNEL, data: { at: 9, number: 0 } });
        await until("all have it", async () =>
          others.every(({ length }, index) => length > (counts[index] ?? 0)),
        );
        expect(await followed()).toBeGreaterThan(instances.length);
        await leaving.end();
        await until("its stream has ended", async () => (await followed()) === instances.length);
        expect(clients.map(({ client }) => client.stats.gaps)).toEqual(clients.map(() => 0));
        const resumed = connect(instances[0]?.url ?? "");
        try {
          const { ready } = resumed.subscribe(CHANNEL, () => undefined, { since: last });
          expect(await ready).toMatchObject({ recovered: true });
        } finally {
          await resumed.close();
        }
      },
      TEST_MS,
    );

    test(
      "what died with its instance is told as a gap, and is never passed over in silence",
      async () => {
        // Nothing leaves or reaches it any more, so the others can not have seen what it accepts now.
        const freed = proxy.stall();
        const last = await publish(1, 5);
        await instances[1]?.end("SIGKILL");
        proxy.cut();
        freed();
        const others = clients.filter((_, index) => index !== 2 && index !== 3);
        await until("clients elsewhere are told of the gap", async () =>
          others.every(({ client }) => client.stats.gaps > 0),
        );
        const resumed = connect(instances[0]?.url ?? "");
        try {
          const { ready } = resumed.subscribe(CHANNEL, () => undefined, { since: last });
          expect(await ready).toMatchObject({ recovered: false });
        } finally {
          await resumed.close();
        }
        // What lives goes on.
        await publish(0, 5);
        await until("the rest goes on", async () => others.every(({ seen }) => seen[0]?.length === sent[0]));
      },
      TEST_MS,
    );
  });
}
