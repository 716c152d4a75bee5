import type { Config } from "../config/shape.ts";
import type { Publication, SourceRecord } from "../publication.ts";
import { CompositeLog } from "./composite.ts";
import { KafkaLog } from "./kafka.ts";
import { LocalLogReader } from "./localReader.ts";

/** Every log of this instance behind one: what was published at the instance, and Kafka's topics. */
export function openLog(
  { kafka }: Config,
  localPath: string,
  route: (streamId: string, record: SourceRecord) => Publication | undefined,
): CompositeLog {
  const local = new LocalLogReader({ path: localPath });
  if (kafka === undefined || kafka.topics.length === 0) return new CompositeLog([local]);
  return new CompositeLog([
    local,
    new KafkaLog({ connection: kafka.connection, topics: kafka.topics, route }),
  ]);
}
