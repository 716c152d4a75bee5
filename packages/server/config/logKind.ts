import { isSharedBus } from "./busSchemes.ts";
import type { Config } from "./shape.ts";

/** Where what clients see can be read again. */
export type LogKind = "memory" | "memories" | "kafka";

export function logKind({ bus, kafka }: Config): LogKind {
  if (kafka !== undefined) return "kafka";
  return isSharedBus(bus.url) ? "memories" : "memory";
}

/** What a start says of a cluster that lives in memory. undefined where there is nothing to warn of. */
export function logPromise(config: Config): string | undefined {
  const isInMemory = config.kafka?.publishTopic === undefined || config.demo.enabled;
  if (!isSharedBus(config.bus.url) || !isInMemory) return undefined;
  const what = config.kafka === undefined ? "everything" : "what is published here, not read from Kafka,";
  return (
    `${what} is kept in the memory of the instance that it was published at: it dies with that instance, and what ` +
    "others lack of it then is told to clients as a gap (docs/reliability.md)"
  );
}

/** The demo's market plays, and this instance is all that there is of it. */
export function isEmbeddedDemo(config: Config): boolean {
  return config.demo.enabled && logKind(config) === "memory";
}
