import { afterAll, beforeAll } from "bun:test";
import { sharedKafka } from "./kafka.ts";
import { KafkaFixture } from "./kafkaFixture.ts";

const BROKER_START_MS = 120_000;

/** The shared broker for all tests of a `describe`; its fixture is there from the first test on. */
export function kafkaForAll(): { readonly fixture: KafkaFixture } {
  let fixture: KafkaFixture | undefined;
  beforeAll(async () => {
    fixture = new KafkaFixture(await sharedKafka());
  }, BROKER_START_MS);
  afterAll(() => fixture?.close());
  return {
    get fixture() {
      if (fixture === undefined) throw new Error("there is no broker before the first test");
      return fixture;
    },
  };
}
