import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kafkaAvailable, startKafka, type TestKafka } from "../../../test/services/kafka.ts";
import { checkKafka } from "./check.ts";
import { KafkaCluster } from "./cluster.ts";
import { KafkaError } from "./kafkaError.ts";

describe.skipIf(!kafkaAvailable())("a listener that expects something else than is configured", () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startKafka({ sasl: true, tls: true });
  }, 120_000);
  afterAll(() => kafka?.stop());

  const failure = async (brokers: readonly string[], tls: boolean): Promise<KafkaError> => {
    const connection = { brokers, clientId: "test", ...(tls && { tls: { rejectUnauthorized: false } }) };
    const error: unknown = await checkKafka(connection, ["t"]).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (!(error instanceof KafkaError)) throw new Error(`expected a KafkaError, got ${error}`);
    return error;
  };

  test.each([
    ["SASL, of a client without", () => failure(kafka.saslBrokers, false)],
    ["SASL over TLS, of a client with TLS alone", () => failure(kafka.saslTlsBrokers, true)],
    ["TLS, of a client without", () => failure(kafka.tlsBrokers, false)],
    ["neither, of a client with TLS", () => failure(kafka.brokers, true)],
  ])("%s: the message names both", async (_, fail) => {
    const { code, message } = await fail();
    expect(code).toBe("kafka_unreachable");
    expect(message).toContain("--kafka-sasl-mechanism");
    expect(message).toContain("--kafka-tls");
  });

  test("a broker that has answered and is gone: the message says that, and doubts no setting", async () => {
    const cluster = new KafkaCluster({ brokers: kafka.brokers, clientId: "test" });
    await cluster.topics([]);
    await kafka.kill();
    // On the connection that it has left behind, if that is not known yet, and on a new one.
    for (const _ of [1, 2]) {
      const message = await cluster.topics([]).then(String, String);
      expect(message).toContain("It has answered there before: look whether it still runs");
      expect(message).not.toMatch(/SASL|TLS/);
    }
    await cluster.close();
  });

  test("where nobody listens, the address is what is to be checked", async () => {
    const { message } = await failure(["127.0.0.1:1"], false);
    expect(message).toContain("Check that the brokers run");
    expect(message).not.toContain("--kafka-sasl-mechanism");
  });
});
