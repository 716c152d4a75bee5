// Somebody else publishes on the channels of a cluster's bus: what is no message of ours is counted, and costs nobody a record.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect as connectNats } from "@nats-io/transport-node";
import { createClient } from "redis";
import { FrameError } from "../../packages/server/bus/frame.ts";
import { decodeFrame } from "../../packages/server/bus/frameCodec.ts";
import { decodeAnnouncement } from "../../packages/server/cluster/announcement.ts";
import { KafkaCluster } from "../../packages/server/kafka/cluster.ts";
import { createTopic } from "../../packages/server/kafka/topics.ts";
import type { TestCluster } from "../cluster.fixture.ts";
import { startNumberedCluster } from "../numberedCluster.fixture.ts";
import { TOPIC } from "../numbers.fixture.ts";
import { haproxyAvailable } from "../services/haproxy.ts";
import { kafkaAvailable, startKafka, type TestKafka } from "../services/kafka.ts";
import { natsAvailable } from "../services/nats.ts";
import { redisAvailable } from "../services/redis.ts";
import { metricOf, serversUp, until } from "../status.fixture.ts";
import { bytesLike, samples } from "./fuzz.fixture.ts";
import { rssBytesOf } from "./hostileInstance.fixture.ts";
import { ANNOUNCEMENT, FRAMES } from "./originals.fixture.ts";

const TEST_MS = 120_000;
const RUNS = 3000;
const GROWTH_BYTES_MAX = 96 << 20;
/** Others' heartbeats travel beside frames, and a shard takes no notice of them. */
const HEARTBEAT = 0xc6;

const available = kafkaAvailable() && haproxyAvailable();
const BUSES = [
  { bus: "redis", isThere: available && redisAvailable() },
  { bus: "nats", isThere: available && natsAvailable() },
] as const;

interface Foreigner {
  publish(channel: string, bytes: Uint8Array): Promise<unknown>;
  close(): Promise<unknown>;
}

let kafka: TestKafka;

beforeAll(async () => {
  if (!BUSES.some(({ isThere }) => isThere)) return;
  kafka = await startKafka();
  const admin = new KafkaCluster({ brokers: kafka.brokers, clientId: "hostile" });
  await createTopic(admin, { name: TOPIC, partitions: 2 });
  await admin.close();
}, TEST_MS);
afterAll(() => kafka?.stop());

for (const { bus, isThere } of BUSES) {
  test.skipIf(!isThere)(
    `on ${bus}, what others publish is counted, and every client has every record`,
    async () => {
      const { cluster, numbers, ledgers, stop } = await startNumberedCluster({
        ...{ instances: 2, shards: 1, bus, partitions: 2, clients: 10, kafka },
        // It names the consumer group too: both clusters read the same topic.
        flags: ["--bus-prefix", prefixOf(bus)],
        settled: (started) => until("HAProxy sees all", async () => (await serversUp(started)) === 2),
      });
      try {
        const foreigner = await (bus === "redis" ? onRedis(cluster) : onNats(cluster));
        const own = (traffic: string) => `${prefixOf(bus)}.${traffic}`;
        await numbers.send(20);
        await ledgers.expectAll(numbers.sent);
        const before = await rssBytes(cluster);
        const frames = samples(bytesLike(FRAMES), RUNS).filter((bytes) => bytes.length > 0);
        const announcements = samples(bytesLike([ANNOUNCEMENT]), RUNS / 10).filter(
          (bytes) => bytes.length > 0 && decodeAnnouncement(bytes) === undefined,
        );
        await numbers.sendDuring(5, async () => {
          for (const bytes of frames) await foreigner.publish(own("frames"), bytes);
          for (const bytes of announcements) await foreigner.publish(own("cluster"), bytes);
          // As large as NATS takes them.
          for (let i = 0; i < 20; i++) await foreigner.publish(own("frames"), Buffer.alloc(1_000_000, 0xc5));
        });
        await ledgers.expectAll(numbers.sent);
        expect(ledgers.reconnects).toBe(0);
        const malformed = frames.filter(isMalformed).length + 20;
        const strange = announcements.filter(([first]) => first !== HEARTBEAT).length;
        for (const member of cluster.members) {
          await until("each is counted", async () => (await metricOf(member, MALFORMED_FRAMES)) >= malformed);
          expect(await metricOf(member, MALFORMED_FRAMES)).toBe(malformed);
          await until("each is counted", async () => (await metricOf(member, MALFORMED_TOLD)) >= strange);
          expect(await metricOf(member, "shardcast_shard_restarts_total")).toBe(0);
          // Once in ten seconds, and not for each.
          const said = member.instance?.log.filter((line) => line.includes("malformed frame on the bus"));
          expect([1, 2, 3, 4, 5, 6]).toContain(said?.length ?? 0);
        }
        expect((await rssBytes(cluster)) - before).toBeLessThan(GROWTH_BYTES_MAX);
        await foreigner.close();
      } finally {
        await stop();
      }
    },
    TEST_MS,
  );
}

const MALFORMED_FRAMES = "shardcast_bus_frames_malformed_total";
const MALFORMED_TOLD = "shardcast_cluster_announcements_malformed_total";

function prefixOf(bus: string): string {
  return `hostile-${bus}`;
}

function isMalformed(bytes: Uint8Array): boolean {
  if (bytes[0] === HEARTBEAT) return false;
  try {
    decodeFrame(bytes);
    return false;
  } catch (error) {
    return error instanceof FrameError;
  }
}

async function onRedis({ redis }: TestCluster): Promise<Foreigner> {
  const client = createClient({ url: redis?.url ?? "" });
  await client.connect();
  return {
    publish: (channel, bytes) => client.publish(channel, Buffer.from(bytes)),
    close: () => client.close(),
  };
}

async function onNats({ nats }: TestCluster): Promise<Foreigner> {
  const client = await connectNats({ servers: nats?.url ?? "" });
  return {
    publish: async (subject, bytes) => {
      client.publish(subject, bytes);
      await client.flush();
    },
    close: () => client.close(),
  };
}

async function rssBytes(cluster: TestCluster): Promise<number> {
  const pids = await Promise.all(
    cluster.members.map(async ({ instance }) => [
      instance?.pid ?? 0,
      ...((await instance?.shardPids()) ?? []),
    ]),
  );
  return pids.flat().reduce((sum, pid) => sum + rssBytesOf(pid), 0);
}
