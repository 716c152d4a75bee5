// The parts of the Kafka library that are used, loaded one by one. Its index also loads consumers, producers and schema
// registries with three parsers for those: some 30 MB more in every process, for nothing. Its `exports` name only the
// index, so the parts are named by their files; the version is pinned, and `library.test.ts` holds each to the index.
import { fileURLToPath } from "node:url";
import type * as Kafka from "@platformatic/kafka";

export type { API, Broker, ConnectionOptions, Reader } from "@platformatic/kafka";

type Library = typeof Kafka;

const root = new URL(".", import.meta.resolve("@platformatic/kafka"));

/** At once, so that those who load this on demand need not wait in the middle of something. */
function load(path: string): Partial<Library> {
  return require(fileURLToPath(new URL(path, root))) as Partial<Library>;
}

const parts: Partial<Library> = {
  ...load("apis/index.js"),
  ...load("network/connection.js"),
  ...load("clients/consumer/consumer-protocol.js"),
  ...load("protocol/compression.js"),
  ...load("protocol/crc32c.js"),
  ...load("protocol/murmur2.js"),
  ...load("protocol/writer.js"),
  ...load("errors.js"),
};

function part<Name extends keyof Library>(name: Name): Library[Name] {
  const found = parts[name];
  if (found === undefined) throw new Error(`@platformatic/kafka has no ${name} where it had it before`);
  return found as Library[Name];
}

export const apiVersionsV3 = part("apiVersionsV3");
export const compressionsAlgorithms = part("compressionsAlgorithms");
export const compressionsAlgorithmsByBitmask = part("compressionsAlgorithmsByBitmask");
export const Connection = part("Connection");
export const crc32c = part("crc32c");
export const createTopicsV7 = part("createTopicsV7");
export const decodeConsumerProtocolAssignment = part("decodeConsumerProtocolAssignment");
export const decodeConsumerProtocolSubscription = part("decodeConsumerProtocolSubscription");
export const encodeConsumerProtocolAssignment = part("encodeConsumerProtocolAssignment");
export const encodeConsumerProtocolSubscription = part("encodeConsumerProtocolSubscription");
export const fetchV13 = part("fetchV13");
export const findCoordinatorV4 = part("findCoordinatorV4");
export const findErrorBy = part("findErrorBy");
export const GenericError = part("GenericError");
export const heartbeatV4 = part("heartbeatV4");
export const initProducerIdV4 = part("initProducerIdV4");
export const joinGroupV9 = part("joinGroupV9");
export const leaveGroupV5 = part("leaveGroupV5");
export const listOffsetsV7 = part("listOffsetsV7");
export const metadataV12 = part("metadataV12");
export const murmur2 = part("murmur2");
export const offsetCommitV8 = part("offsetCommitV8");
export const offsetFetchV8 = part("offsetFetchV8");
export const produceV9 = part("produceV9");
export const ResponseError = part("ResponseError");
export const syncGroupV5 = part("syncGroupV5");
export const Writer = part("Writer");

export type Connection = Kafka.Connection;
export type Writer = Kafka.Writer;
