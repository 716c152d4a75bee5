import type { KAFKA_CONNECTION_SETTINGS } from "./kafkaSettings.ts";
import { isGiven, type Origin, type Problem, problemAt } from "./problem.ts";
import type { SettingValues } from "./setting.ts";

type ConnectionValues = SettingValues<typeof KAFKA_CONNECTION_SETTINGS>;

export interface FoundConnection {
  readonly values: Pick<ConnectionValues, "kafkaTls">;
  readonly origins: Readonly<Record<keyof ConnectionValues, Origin>>;
  readonly refused: ReadonlySet<string>;
}

type ReadingKey = "kafkaTopics" | "kafkaGroup" | "kafkaFrom" | "kafkaDeadLetterTopic" | "publishTopic";

interface FoundReading {
  readonly origins: Readonly<Record<ReadingKey | "kafkaBrokers", Origin>>;
}

const READING_KEYS: readonly ReadingKey[] = [
  "kafkaTopics",
  "kafkaGroup",
  "kafkaFrom",
  "kafkaDeadLetterTopic",
  "publishTopic",
];
const TLS_KEYS = [
  "kafkaTlsCa",
  "kafkaTlsCert",
  "kafkaTlsKey",
  "kafkaTlsServerName",
  "kafkaTlsInsecure",
] as const;
const SASL_KEYS = ["kafkaSaslMechanism", "kafkaSaslUsername", "kafkaSaslPassword"] as const;
const SASL_FLAGS = {
  kafkaSaslMechanism: "--kafka-sasl-mechanism",
  kafkaSaslUsername: "--kafka-sasl-username",
  kafkaSaslPassword: "--kafka-sasl-password-file",
};

/** What a connection to Kafka cannot have at once. */
export function connectionContradictions({ values, origins, refused }: FoundConnection): Problem[] {
  if (!isGiven(origins.kafkaBrokers)) {
    return withoutBrokers([origins.kafkaTls, ...[...TLS_KEYS, ...SASL_KEYS].map((key) => origins[key])]);
  }
  const problems: Problem[] = [];
  if (!values.kafkaTls && !refused.has("kafkaTls")) {
    for (const origin of TLS_KEYS.map((key) => origins[key]).filter(isGiven)) {
      problems.push(problemAt(origin, "has no effect without TLS", "Add --kafka-tls, or leave it out."));
    }
  }
  const { kafkaTlsCert: cert, kafkaTlsKey: key } = origins;
  if (isGiven(cert) && !isGiven(key))
    problems.push(problemAt(cert, "needs its key", "Set --kafka-tls-key too."));
  if (isGiven(key) && !isGiven(cert)) {
    problems.push(problemAt(key, "needs its certificate", "Set --kafka-tls-cert too."));
  }
  return [...problems, ...saslContradictions(origins)];
}

/** What reading topics cannot have at once. */
export function readingContradictions({ origins }: FoundReading): Problem[] {
  if (!isGiven(origins.kafkaBrokers)) return withoutBrokers(READING_KEYS.map((key) => origins[key]));
  if (isGiven(origins.kafkaTopics) || isGiven(origins.publishTopic)) return [];
  return [problemAt(origins.kafkaBrokers, "there is no topic to read", "Set --kafka-topics too.")];
}

function saslContradictions(origins: FoundConnection["origins"]): Problem[] {
  const present = SASL_KEYS.find((key) => isGiven(origins[key]));
  const missing = SASL_KEYS.filter((key) => !isGiven(origins[key])).map((key) => SASL_FLAGS[key]);
  if (present === undefined || missing.length === 0) return [];
  const message = "mechanism, username and password belong together";
  return [problemAt(origins[present], message, `Set ${missing.join(" and ")} too.`)];
}

function withoutBrokers(origins: readonly Origin[]): Problem[] {
  const advice = "Set --kafka-brokers too, or leave it out.";
  return origins.filter(isGiven).map((origin) => problemAt(origin, "has no effect without brokers", advice));
}
