// One bus of all regions instead of one for each: NATS carries it over, by gateways of a super-cluster or by a leaf node.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ClusterMember, startCluster, type TestCluster } from "./cluster.fixture.ts";
import { Ledgers, Numbers, TOPIC } from "./numbers.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { natsAvailable, startNats, type TestNats } from "./services/nats.ts";
import { freePorts } from "./services/ports.ts";
import { startTcpProxy, type TcpProxy } from "./services/tcpProxy.ts";
import { clusterOf, healthOf, metricOf, until } from "./status.fixture.ts";

const CLIENTS = 20;
const TEST_MS = 120_000;

const isThere = [kafkaAvailable, haproxyAvailable, natsAvailable].every((check) => check());

/** Servers of two regions, and what lies between them. */
interface Ocean {
  readonly one: TestNats;
  readonly two: TestNats;
  readonly links: readonly TcpProxy[];
}

/** Each region's servers are a cluster of their own, and these are one super-cluster. */
async function gateways(): Promise<Ocean> {
  const [portOne = 0, portTwo = 0] = await freePorts(2);
  const [toOne, toTwo] = await Promise.all([portOne, portTwo].map((port) => startTcpProxy({ port })));
  if (toOne === undefined || toTwo === undefined) throw new Error("a link is missing");
  const config = (name: string, port: number, own: TcpProxy, other: string, link: TcpProxy) => `
    server_name: ${name}
    gateway {
      name: ${name}, listen: "127.0.0.1:${port}", advertise: "127.0.0.1:${own.port}"
      gateways: [{ name: ${other}, urls: ["nats://127.0.0.1:${link.port}"] }]
    }`;
  const [one, two] = await Promise.all([
    startNats({ config: config("one", portOne, toOne, "two", toTwo) }),
    startNats({ config: config("two", portTwo, toTwo, "one", toOne) }),
  ]);
  return { one, two, links: [toOne, toTwo] };
}

/** The second region's server hangs on the first's as one leaf. */
async function leafNode(): Promise<Ocean> {
  const [port = 0] = await freePorts(1);
  const link = await startTcpProxy({ port });
  const one = await startNats({ config: `leafnodes { listen: "127.0.0.1:${port}" }` });
  const two = await startNats({
    config: `leafnodes { reconnect: 1, remotes: [{ url: "nats://127.0.0.1:${link.port}" }] }`,
  });
  return { one, two, links: [link] };
}

for (const [layout, startOcean] of Object.entries({ gateways, "a leaf node": leafNode })) {
  describe.skipIf(!isThere)(`two regions on one bus, over ${layout} of NATS`, () => {
    let ocean: Ocean;
    let cluster: TestCluster;
    let members: readonly ClusterMember[];
    let numbers: Numbers;
    let ledgers: Ledgers;

    beforeAll(async () => {
      ocean = await startOcean();
      cluster = await startCluster({
        ...{ instances: 2, shards: 1, bus: "elsewhere", topics: [{ name: TOPIC, partitions: 4 }] },
        flags: ["--bus-scope", "global"],
        busUrl: (_, id) => (id === "a" ? ocean.one : ocean.two).url,
        flagsOf: (id) => ["--region", id === "a" ? "one" : "two"],
      });
      members = cluster.members;
      numbers = new Numbers(cluster.kafka.brokers);
      // Each region's own clients, without the balancer, so that it is known who has what.
      ledgers = new Ledgers(CLIENTS, (index) => `ws://127.0.0.1:${members[index % 2]?.port}/ws`);
      await ledgers.ready;
    }, TEST_MS);

    afterAll(async () => {
      await ledgers?.close();
      await numbers?.close();
      await cluster?.stop();
      await ocean?.one.stop();
      await ocean?.two.stop();
      await Promise.all(ocean?.links.map((link) => link.close()) ?? []);
    }, TEST_MS);

    const sum = async (name: string): Promise<number> =>
      (await Promise.all(members.map((member) => metricOf(member, name)))).reduce((all, one) => all + one, 0);

    test(
      "both see one another, read Kafka as one group, and find nothing wrong",
      async () => {
        for (const member of members) {
          await until("it sees both", async () => (await clusterOf(member.adminPort)).instances.length === 2);
          const { instances, problems } = await clusterOf(member.adminPort);
          expect(instances.map(({ region }) => region)).toEqual(["one", "two"]);
          expect(problems).toEqual([]);
          await until("it is well", async () => {
            const { checks } = await healthOf(member);
            return Object.values(checks).every(({ status }) => status === "ok");
          });
        }
        expect(await sum("shardcast_group_strangers")).toBe(0);
      },
      TEST_MS,
    );

    test(
      "clients of both have every record, which crossed the bus once",
      async () => {
        const before = await sum("shardcast_published_publications_total");
        await numbers.send(200);
        await ledgers.expectAll(numbers.sent);
        expect((await sum("shardcast_published_publications_total")) - before).toBe(4 * 200);
        expect(await sum("shardcast_streams_read_forward")).toBe(0);
      },
      TEST_MS,
    );

    test(
      "while nothing crosses, each region reads from Kafka what the other would have sent, and repeats nothing after that",
      async () => {
        const heal = ocean.links.map((link) => link.stall());
        await numbers.send(100, 10);
        await ledgers.expectAll(numbers.sent);
        expect(await sum("shardcast_streams_read_forward")).toBeGreaterThan(0);
        for (const undo of heal) undo();
        await until(
          "the bus serves all again",
          async () => (await sum("shardcast_streams_read_forward")) === 0,
        );
        await numbers.send(100);
        await ledgers.expectAll(numbers.sent);
      },
      TEST_MS,
    );
  });
}
