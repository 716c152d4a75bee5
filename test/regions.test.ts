import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "@shardcast/client/client";
import { startCluster, type TestCluster } from "./cluster.fixture.ts";
import { KEYS, Ledgers, Numbers, TOPIC } from "./numbers.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable, type TestKafka } from "./services/kafka.ts";
import { natsAvailable } from "./services/nats.ts";
import { redisAvailable } from "./services/redis.ts";
import { clusterOf, healthOf, until } from "./status.fixture.ts";

const CLIENTS = 40;
const TEST_MS = 120_000;
const TOPICS = [{ name: TOPIC, partitions: 4 }];

const isThere = [kafkaAvailable, haproxyAvailable, redisAvailable, natsAvailable].every((check) => check());

describe.skipIf(!isThere)("two regions with buses of their own on one log", () => {
  let one: TestCluster;
  let two: TestCluster;
  let numbers: Numbers;
  let ledgers: Ledgers;

  beforeAll(async () => {
    one = await startRegion("one", "redis");
    two = await startRegion("two", "nats", one.kafka);
    for (const region of [one, two]) {
      await until("HAProxy sees its instances", async () =>
        (await region.haproxy.servers()).every(({ status }) => status === "UP"),
      );
    }
    numbers = new Numbers(one.kafka.brokers);
    // Most prefer the first region, some the second.
    ledgers = new Ledgers(CLIENTS, (index) => (index % 4 === 0 ? [two.url, one.url] : [one.url, two.url]));
    await ledgers.ready;
  }, TEST_MS);

  afterAll(async () => {
    await ledgers?.close();
    await numbers?.close();
    await two?.stop();
    await one?.stop();
  }, TEST_MS);

  test(
    "the clients of both have every record, each at the region that it prefers",
    async () => {
      await numbers.send(200);
      await ledgers.expectAll(numbers.sent);
      expect(ledgers.reconnects).toBe(0);
      expect([ledgers.countAt(one.url), ledgers.countAt(two.url)]).toEqual([30, 10]);
    },
    TEST_MS,
  );

  test(
    "each shows its own instances, is content, and reads by a consumer group of its own",
    async () => {
      for (const [name, { members }] of Object.entries({ one, two })) {
        for (const member of members) {
          await until("it sees both of its region", async () => {
            const { instances, totals } = await clusterOf(member.adminPort);
            return instances.length === 2 && totals.connections === (name === "one" ? 30 : 10);
          });
          const { instances, problems } = await clusterOf(member.adminPort);
          expect(instances.map(({ id, region }) => `${region}/${id}`)).toEqual([`${name}/a`, `${name}/b`]);
          expect(problems).toEqual([]);
          await until("it is well", async () => {
            const { checks } = await healthOf(member);
            return Object.values(checks).every(({ status }) => status === "ok");
          });
          expect(groupsOf(member.instance?.log ?? [])).toEqual([`shardcast.${name}`]);
        }
      }
    },
    TEST_MS,
  );

  test(
    "a cursor of one is a position in the other",
    async () => {
      const [cursor, next] = await cursorsOf(one.url, numbers);
      const resumed = Promise.withResolvers<string>();
      const client = connect(two.url);
      try {
        const channel = `${KEYS[0]}.${TOPIC}`;
        const { ready } = client.subscribe(channel, ({ cursor }) => resumed.resolve(cursor), {
          since: cursor,
        });
        expect(await ready).toMatchObject({ recovered: true });
        expect(await resumed.promise).toBe(next);
      } finally {
        await client.close();
      }
      await ledgers.expectAll(numbers.sent);
    },
    TEST_MS,
  );

  test(
    "when one is killed whole, its clients go on at the other, and nothing is lost or repeated",
    async () => {
      const sending = numbers.send(400, 10);
      await Bun.sleep(500);
      await killWhole(one);
      await until("all are at the other", async () => ledgers.countAt(two.url) === CLIENTS);
      await sending;
      await ledgers.expectAll(numbers.sent);
      for (const member of two.members) expect((await healthOf(member)).status).toBe(200);
    },
    TEST_MS,
  );

  test(
    "nobody is sent back when it returns; when the other dies too, all come back to it",
    async () => {
      await one.redis?.restart();
      await Promise.all(one.members.map((member) => member.start()));
      await one.haproxy.restart();
      await until("HAProxy sees its instances", async () =>
        (await one.haproxy.servers()).every(({ status }) => status === "UP"),
      );
      await numbers.send(20);
      await ledgers.expectAll(numbers.sent);
      expect(ledgers.countAt(two.url)).toBe(CLIENTS);
      const sending = numbers.send(200, 10);
      await Bun.sleep(500);
      await killWhole(two);
      await until("all are at the first", async () => ledgers.countAt(one.url) === CLIENTS);
      await sending;
      await ledgers.expectAll(numbers.sent);
    },
    TEST_MS,
  );
});

function startRegion(name: string, bus: "redis" | "nats", kafka?: TestKafka): Promise<TestCluster> {
  const flags = ["--region", name];
  return startCluster({
    ...{ instances: 2, shards: 1, bus, topics: TOPICS, flags },
    ...(kafka === undefined ? {} : { kafka }),
  });
}

/** Everything of a region at once, without a word: what a client has is a broken connection. */
async function killWhole({ members, redis, nats, haproxy }: TestCluster): Promise<void> {
  await Promise.all([
    ...members.map((member) => member.end("SIGKILL")),
    (redis ?? nats)?.kill(),
    haproxy.kill(),
  ]);
}

/** The consumer groups that an instance's shards have joined, as it logged them. */
function groupsOf(log: readonly string[]): string[] {
  const groups = log.flatMap((line) => /"groupId":"([^"]+)"/.exec(line)?.[1] ?? []);
  return [...new Set(groups)];
}

/** The cursors of two records that follow one another in one channel, as a client at this address sees them. */
async function cursorsOf(url: string, numbers: Numbers): Promise<[string, string]> {
  const seen: string[] = [];
  const both = Promise.withResolvers<[string, string]>();
  const client = connect(url);
  try {
    await client.subscribe(`${KEYS[0]}.${TOPIC}`, ({ cursor }) => {
      const [first, second] = [...seen, cursor];
      seen.push(cursor);
      if (first !== undefined && second !== undefined) both.resolve([first, second]);
    }).ready;
    await numbers.send(2);
    return await both.promise;
  } finally {
    await client.close();
  }
}
