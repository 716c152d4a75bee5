import { describe, expect, test } from "bun:test";
import { kafkaAvailable } from "../../../test/services/kafka.ts";
import { kafkaForAll } from "../../../test/services/kafkaForAll.ts";
import { until } from "../../../test/services/until.ts";
import { KafkaSource, type KafkaSourceOptions } from "./kafka.ts";
import {
  newGroup,
  RecordingSink,
  reading,
  sourceOptions,
  startFeed,
  strangersOf,
} from "./kafkaSource.fixture.ts";

describe.skipIf(!kafkaAvailable())("the members of a group", () => {
  const kafka = kafkaForAll();
  const options = (topic: string, more: Partial<KafkaSourceOptions> = {}): KafkaSourceOptions =>
    sourceOptions(kafka.fixture, topic, more);

  test("two members share the partitions; when one stops the other goes on, and nothing is lost", async () => {
    const partitions = 6;
    const topic = await kafka.fixture.topic({ partitions });
    const groupId = newGroup();
    const sink = new RecordingSink();
    const feed = startFeed(kafka.fixture, topic, partitions);
    const first = new KafkaSource(options(topic, { groupId, from: "earliest" }));
    await first.start(sink);
    await until(() => first.stats().partitions.length === partitions);
    const second = new KafkaSource(options(topic, { groupId, from: "earliest" }));
    await second.start(sink);
    await until(() => first.stats().partitions.length === 3 && second.stats().partitions.length === 3);
    // Cooperative: only what moved was taken away, the rest was read on.
    expect(sink.revocations).toHaveLength(3);
    await first.stop();
    await until(() => second.stats().partitions.length === partitions);
    const third = new KafkaSource(options(topic, { groupId, from: "earliest" }));
    await third.start(sink);
    await until(() => third.stats().partitions.length === 3);
    const sent = await feed.stop();
    await until(
      () => sink.distinct(topic) >= sent,
      30_000,
      () => `${sink.distinct(topic)} of ${sent}`,
    );
    expect(sink.distinct(topic)).toBe(sent);
    sink.expectComplete();
    await Promise.all([second.stop(), third.stop()]);
  }, 60_000);

  test("a member that stops while the group forms anew is gone at once, and holds nobody up", async () => {
    const topic = await kafka.fixture.topic({ partitions: 4 });
    const settings = options(topic, { groupId: newGroup(), from: "earliest", sessionTimeoutMs: 60_000 });
    await reading(settings, async (first) => {
      for (const afterMs of [0, 50, 150, 300, 450, 600]) {
        const passing = new KafkaSource(settings);
        const started = passing.start(new RecordingSink()).catch(() => undefined);
        // It waits for the first one's next sign of life, up to a second: somewhere within that it is told to stop.
        await Bun.sleep(afterMs);
        await Promise.all([passing.stop(), started]);
      }
      const second = new KafkaSource(settings);
      const started = second.start(new RecordingSink());
      const shares = () => [first, second].map((source) => source.stats().partitions.length);
      // For one that is gone without a word the group waits 15 s, which is how long it may take to form anew.
      await until(() => Bun.deepEquals(shares(), [2, 2]), 10_000, shares);
      await started;
      await second.stop();
      await until(() => first.stats().partitions.length === 4, 10_000, shares);
    });
  }, 45_000);

  test("a member with an instance id that crashed comes back at once, without waiting for its session", async () => {
    const topic = await kafka.fixture.topic({ partitions: 2 });
    const groupId = newGroup();
    const settings = options(topic, {
      groupId,
      groupInstanceId: "shard-0",
      from: "earliest",
      sessionTimeoutMs: 60_000,
    });
    const crashed = new KafkaSource(settings);
    const crashedSink = new RecordingSink();
    // What it reads it must not commit before the second is there, however late that is.
    crashedSink.hold();
    await crashed.start(crashedSink);
    await until(() => crashed.stats().partitions.length === 2);
    await kafka.fixture.produce(topic, ["one"]);
    // The first is still a member when the second comes with its name, as it is after a crash.
    await reading(settings, async (_source, sink) => {
      // Nor may it have waited for the first one in a round of the group, which takes 15 s.
      await until(() => sink.values(topic).length === 1, 10_000);
      await until(() => crashed.stats().partitions.length === 0);
    });
    crashedSink.release();
    await crashed.stop();
  }, 60_000);

  test("the leader counts the members that publish to another bus, and says so", async () => {
    const topic = await kafka.fixture.topic({ partitions: 3 });
    const groupId = newGroup();
    const said: string[] = [];
    const logger = (level: string, message: string) => void (level === "error" && said.push(message));
    const own = options(topic, { groupId, busName: "one", logger });
    await reading(own, async (first) => {
      await reading(own, async (second) => {
        expect(strangersOf(first, second)).toBe(0);
        const other = new KafkaSource({ ...own, busName: "two", logger: () => undefined });
        await other.start(new RecordingSink());
        await until(() => strangersOf(first, second, other) > 0);
        expect(strangersOf(first, second)).toBe(1);
        expect(said).toHaveLength(1);
        expect(said[0]).toContain(`1 member(s) of the consumer group ${groupId} publish to another bus`);
        await other.stop();
        await until(() => strangersOf(first, second) === 0);
      });
    });
  }, 30_000);

  test("release leaves the group and resume comes back without a loss", async () => {
    const topic = await kafka.fixture.topic();
    await reading(options(topic, { from: "earliest" }), async (source, sink) => {
      await kafka.fixture.produce(topic, ["one"]);
      await until(() => sink.values(topic).length === 1);
      await source.release();
      expect(source.stats()).toMatchObject({ state: "released", partitions: [] });
      await kafka.fixture.produce(topic, ["two"]);
      await source.resume();
      await until(() => sink.values(topic).length === 2);
      expect(sink.values(topic)).toEqual(["one", "two"]);
    });
  });

  test("a resume that comes before the release has ended keeps what the new membership is given", async () => {
    const topic = await kafka.fixture.topic();
    await reading(options(topic, { from: "earliest" }), async (source, sink) => {
      for (let round = 1; round <= 3; round++) {
        const releasing = source.release();
        await source.resume();
        await releasing;
        await kafka.fixture.produce(topic, [`${round}`]);
        await until(() => sink.distinct(topic) === round);
      }
      expect(source.stats()).toMatchObject({ state: "reading", partitions: [{}] });
    });
  });
});
