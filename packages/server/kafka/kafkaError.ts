import { findErrorBy, GenericError, ResponseError } from "./library.ts";

export type KafkaErrorCode =
  /** No broker answers: address, network, TLS. */
  | "kafka_unreachable"
  | "kafka_authentication"
  | "kafka_authorization"
  | "kafka_unknown_topic"
  /** The cluster is too old for what is needed. */
  | "kafka_unsupported"
  | "kafka_record_too_large"
  /** The topic's settings do not allow such a record: its timestamp, or a missing key where it is compacted. */
  | "kafka_record_invalid"
  /** The broker answers with any other error; `protocolCode` says which. */
  | "kafka_refused"
  | "kafka_closed";

/** What went wrong with Kafka, with a message that says what to do about it. */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly code: KafkaErrorCode;
  /** Kafka's own error code, 0 where no broker answered with one. */
  readonly protocolCode: number;
  constructor(
    code: KafkaErrorCode,
    message: string,
    options?: ErrorOptions & { readonly protocolCode?: number },
  ) {
    super(message, options);
    this.code = code;
    this.protocolCode = options?.protocolCode ?? 0;
  }
  /** Whether trying again later may help without anybody changing anything. */
  get transient(): boolean {
    return (
      this.code === "kafka_unreachable" ||
      this.code === "kafka_refused" ||
      this.code === "kafka_unknown_topic"
    );
  }
}

/** The error codes of Kafka's protocol that are acted upon. */
export const PROTOCOL = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  topicAlreadyExists: 36,
  outOfOrderSequence: 45,
  invalidProducerEpoch: 47,
  unknownProducerId: 59,
  memberIdRequired: 79,
  fencedInstance: 82,
  invalidRecord: 87,
  unknownTopicId: 100,
} as const;

/**
 * Turns what the library throws into a KafkaError. `doing` completes "could not …"; `hasAnswered` tells whether the broker
 * has answered at this address before, and so was spoken to as it expects.
 */
export function toKafkaError(error: unknown, doing: string, hasAnswered: boolean): KafkaError {
  if (error instanceof KafkaError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const because = `Could not ${doing}: ${rootMessage(cause)}`;
  const code = protocolCodeOf(cause);
  const found = (property: string, value: string) =>
    chainOf(cause).some((link) => findErrorBy(link, property, value) !== null);
  if (found("code", "PLT_KFK_AUTHENTICATION") || found("apiId", "SASL_AUTHENTICATION_FAILED")) {
    return new KafkaError(
      "kafka_authentication",
      `${because}. Check the SASL mechanism, user name and password.`,
      { cause },
    );
  }
  switch (code) {
    case 0:
      return new KafkaError("kafka_unreachable", `${because}. ${adviceFor(because, hasAnswered)}`, { cause });
    case PROTOCOL.topicAuthorizationFailed:
    case PROTOCOL.groupAuthorizationFailed:
    case PROTOCOL.clusterAuthorizationFailed:
      return new KafkaError(
        "kafka_authorization",
        `${because}. Grant this user the access it needs (ACLs).`,
        {
          cause,
          protocolCode: code,
        },
      );
    case PROTOCOL.unknownTopicOrPartition:
    case PROTOCOL.unknownTopicId:
      return new KafkaError("kafka_unknown_topic", `${because}. Create the topic, or correct its name.`, {
        cause,
        protocolCode: code,
      });
    case PROTOCOL.messageTooLarge:
    case PROTOCOL.recordListTooLarge:
      return new KafkaError(
        "kafka_record_too_large",
        `${because}. Send a smaller record, or raise max.message.bytes of the topic.`,
        { cause, protocolCode: code },
      );
    case PROTOCOL.invalidTimestamp:
    case PROTOCOL.invalidRecord:
      return new KafkaError(
        "kafka_record_invalid",
        `${because}. Send another timestamp, or a key where the topic is compacted, or change the topic's settings.`,
        { cause, protocolCode: code },
      );
    default:
      return new KafkaError("kafka_refused", because, { cause, protocolCode: code });
  }
}

/** So a broker answers a client that does not speak as its listener expects; also one that is just ending. */
const HUNG_UP = /connection closed|socket disconnected before secure TLS|broker requires TLS/i;
const HUNG_UP_ADVICE =
  "Where the broker runs, its listener at this address may expect SASL (--kafka-sasl-mechanism) or TLS (--kafka-tls) that " +
  "is not configured, or be one without.";

const CERTIFICATE = /certificate|altname/i;

function adviceFor(because: string, hasAnswered: boolean): string {
  // Certificates are renewed, and run out, while brokers are spoken with; nothing else of how one speaks with them changes.
  if (hasAnswered && !CERTIFICATE.test(because))
    return "It has answered there before: look whether it still runs, and at the network.";
  if (HUNG_UP.test(because)) return HUNG_UP_ADVICE;
  return "Check that the brokers run, and their addresses, the network and the TLS settings.";
}

/** Kafka's error code in what a library call threw; 0 where there is none. */
export function protocolCodeOf(error: unknown): number {
  if (error instanceof KafkaError) return error.protocolCode;
  for (const link of chainOf(error)) {
    const candidates: unknown[] = link instanceof AggregateError ? [link, ...link.errors] : [link];
    for (const candidate of candidates) {
      if (candidate instanceof GenericError && typeof candidate["apiCode"] === "number")
        return candidate["apiCode"];
    }
  }
  return 0;
}

/** The response that carried the error: some answers say more than their code. */
export function responseOf(error: unknown): unknown {
  return error instanceof ResponseError ? error["response"] : undefined;
}

function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 8; link = link.cause) chain.push(link);
  return chain;
}

function rootMessage(error: Error): string {
  const last = chainOf(error).at(-1) ?? error;
  const innermost: unknown = last instanceof AggregateError && last.errors.length > 0 ? last.errors[0] : last;
  const message = innermost instanceof Error ? innermost.message : String(innermost);
  return message.replace(/\.$/, "");
}
