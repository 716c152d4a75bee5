import { isSharedBus } from "../config/busSchemes.ts";
import type { Config } from "../config/shape.ts";
import type { Publication, SourceRecord } from "../publication.ts";
import { CompositeLog } from "./composite.ts";
import { KafkaLog } from "./kafka.ts";
import { LocalLogReader } from "./localReader.ts";
import type { StreamLog } from "./log.ts";

/**
 * Every log of this instance behind one: Kafka's topics and, where the instance is alone, what was published at it. What
 * lives in one instance's memory could not be read again by the others, so with a shared bus there is no such log.
 */
export function openLog(
  { bus, kafka }: Config,
  localPath: string,
  route: (streamId: string, record: SourceRecord) => Publication | undefined,
): CompositeLog {
  const logs: StreamLog[] = [];
  if (!isSharedBus(bus.url)) logs.push(new LocalLogReader({ path: localPath }));
  if (kafka !== undefined && kafka.topics.length > 0) {
    logs.push(new KafkaLog({ connection: kafka.connection, topics: kafka.topics, route }));
  }
  return new CompositeLog(logs);
}
