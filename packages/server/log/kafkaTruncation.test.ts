import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kafkaAvailable, startKafka, type TestKafka } from "../../../test/services/kafka.ts";
import { KafkaFixture } from "../../../test/services/kafkaFixture.ts";
import { KafkaLog } from "./kafka.ts";

describe.skipIf(!kafkaAvailable())("a Kafka log that has had several leaders", () => {
  let kafka: TestKafka;
  let fixture: KafkaFixture;
  beforeAll(async () => {
    kafka = await startKafka();
    fixture = new KafkaFixture(kafka);
  }, 120_000);
  afterAll(async () => {
    await fixture?.close();
    await kafka?.stop();
  });

  test("says where it parted from what somebody has read, although it has grown beyond that", async () => {
    const topic = await fixture.topic();
    const values = (prefix: string) => Array.from({ length: 10 }, (_, i) => `${prefix}${i}`);
    await fixture.produce(topic, values("a"));
    // A broker that starts anew leads in a new epoch.
    await kafka.restart();
    await fixture.led(topic, 1);
    await fixture.produce(topic, values("b"));
    const log = new KafkaLog({
      connection: fixture.connection,
      topics: [topic],
      route: (_id, { offset, timestampMs }) => ({
        offset,
        timestampMs,
        channel: "c",
        envelope: new Uint8Array(1),
      }),
    });
    const [stream] = await log.streams();
    const range = { streamId: stream?.id ?? "", through: 19, bytesMax: 1_000_000 };
    const first = await log.read({ ...range, after: -1, through: 9 });
    if (first.kind !== "read" || first.epoch === undefined) throw new Error(first.kind);
    // Offset 9 is the last of the first epoch: the log goes on from there, in another one.
    const second = await log.read({ ...range, after: 9, epoch: first.epoch });
    if (second.kind !== "read" || second.epoch === undefined) throw new Error(second.kind);
    expect([second.publications.length, second.through]).toEqual([10, 19]);
    expect(second.epoch).toBeGreaterThan(first.epoch);
    // Who has read 14 in the first epoch has read something that is not there: from 10 on all is another's.
    expect(await log.read({ ...range, after: 14, epoch: first.epoch })).toEqual({
      kind: "truncated",
      next: 10,
    });
    // A range cut off within an epoch is of that one.
    const both = await log.read({ ...range, after: -1, through: 14 });
    expect(both).toMatchObject({ through: 14, epoch: second.epoch });
    await log.close();
  }, 120_000);
});
