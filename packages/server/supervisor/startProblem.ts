import type { Logger } from "pino";
import type { Config } from "../config/shape.ts";
import { ApiKeysFile } from "./apiKeysFile.ts";
import { connectionsProblem, openFilesMax } from "./hostLimits.ts";
import { portsProblem } from "./portProbe.ts";
import { TlsFiles } from "./tlsFiles.ts";

/**
 * What must hold before any process starts: each with what to do about it. `flagsCommand` is what flags are added to, where
 * that has to be shown.
 */
export async function startProblem(
  config: Config,
  logger: Logger,
  flagsCommand: string | undefined,
): Promise<string | undefined> {
  const { gateway, admin, instance, kafka } = config;
  const files = connectionsProblem(gateway, instance.shards, openFilesMax());
  if (files !== undefined) return files;
  const { acceptsPerSecond } = config.admission;
  if (acceptsPerSecond < instance.shards)
    return `--max-accepts-per-second ${acceptsPerSecond} leaves some of ${instance.shards} shards nothing: let it be at least one for each.`;
  const keysFault = admin.apiKeysFile === undefined ? undefined : new ApiKeysFile(admin.apiKeysFile).fault;
  if (keysFault !== undefined) return keysFault;
  const tlsFault = gateway.tls === undefined ? undefined : new TlsFiles(gateway.tls).fault;
  if (tlsFault !== undefined) return tlsFault;
  const ports = [
    { flag: "--port", host: gateway.host, port: gateway.port },
    { flag: "--admin-port", host: admin.host, port: admin.port },
  ] as const;
  const portsFault = await portsProblem(ports, flagsCommand);
  if (portsFault !== undefined) return portsFault;
  if (kafka === undefined) return undefined;
  // Its library takes some 5 MB: only where there is a Kafka.
  const [{ checkKafka }, { KafkaError }] = await Promise.all([
    import("../kafka/check.ts"),
    import("../kafka/kafkaError.ts"),
  ]);
  try {
    const { connection, topics, deadLetterTopic } = kafka;
    await checkKafka(connection, deadLetterTopic === undefined ? topics : [...topics, deadLetterTopic]);
    return undefined;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.code !== "kafka_unknown_topic") return error.message;
    // A topic may be made later, and is followed then: so this is said loudly, and no reason to refuse.
    logger.warn(error.message);
    return undefined;
  }
}
