import { isSharedBus } from "../config/busSchemes.ts";
import type { Config } from "../config/shape.ts";
import type { Publication, SourceRecord } from "../publication.ts";
import { CompositeLog } from "./composite.ts";
import { LocalLogReader } from "./localReader.ts";
import type { StreamLog } from "./log.ts";

// A process that reads no Kafka does not load its library, which takes some 5 MB.
const kafkaDriver = () => require("./kafka.ts") as typeof import("./kafka.ts");

/**
 * Every log behind one: Kafka's topics, what was published at this instance and, with a shared bus, what was published
 * at the others. The supervisor serves both memories, each by itself: others may be away while its own never is.
 */
export function openLog(
  { bus, kafka }: Config,
  paths: { readonly own: string; readonly peers: string },
  route: (streamId: string, record: SourceRecord) => Publication | undefined,
): CompositeLog {
  const logs: StreamLog[] = [];
  logs.push(new LocalLogReader({ path: paths.own }));
  if (isSharedBus(bus.url)) logs.push(new LocalLogReader({ path: paths.peers, isHearsay: true }));
  if (kafka !== undefined && kafka.topics.length > 0) {
    const { KafkaLog } = kafkaDriver();
    logs.push(new KafkaLog({ connection: kafka.connection, topics: kafka.topics, route }));
  }
  return new CompositeLog(logs);
}
