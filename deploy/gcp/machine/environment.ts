import { variableOf } from "../../../packages/server/config/setting.ts";
import { fileVariable } from "../settings/fileVariable.ts";
import type { Settings } from "../settings/schema.ts";

/** Where the balancer finds Shardcast, and where the collector does. The image says the same (EXPOSE). */
export const PUBLIC_PORT = 3000;
export const ADMIN_PORT = 3001;

/** The balancer's health check: red after so many failures, so far apart. */
export const HEALTH_CHECK_SECONDS = 5;
export const HEALTH_CHECK_FAILURES = 2;

/** Inside the container: files with secrets, in memory; and files without. */
export const SECRETS_DIRECTORY = "/run/secrets";
export const FILES_DIRECTORY = "/etc/shardcast/files";
export const BUS_CA_FILE = "bus-ca.pem";
export const METRICS_KEY_FILE = "metrics-key";

/** What is known only once other resources are there. */
export interface Surroundings {
  readonly region: string;
  /** Absent: the bus is given, and its URL is a secret. */
  readonly bus?: { readonly url: string; readonly hasCa: boolean } | undefined;
  /** Absent: Kafka is given. */
  readonly kafka?: { readonly brokers: string; readonly username: string } | undefined;
}

/** A file that a machine fetches from Secret Manager before Shardcast starts. */
export interface SecretFile {
  readonly file: string;
  /** Shardcast's variable that names the file. Absent: it is the collector's. */
  readonly variable?: string;
  readonly secret: string;
}

export interface Environment {
  readonly plain: Readonly<Record<string, string>>;
  readonly files: readonly SecretFile[];
}

/** The secrets that the program makes itself. */
export function busPasswordSecret({ name }: Settings, region: string): string {
  return `${name}-${region}-bus-password`;
}

export function kafkaPasswordSecret({ name }: Settings): string {
  return `${name}-kafka-password`;
}

/** How long the balancer's health check needs to see that a machine drains. A machine that is taken back can not wait that long. */
export function drainWaitSeconds({ spot }: Settings): number {
  return spot ? 2 : HEALTH_CHECK_SECONDS * HEALTH_CHECK_FAILURES + 2;
}

/** Every variable of a machine's Shardcast. What is secret is named by a file, and never stands here. */
export function environment(settings: Settings, surroundings: Surroundings): Environment {
  const values: Record<string, string | number | boolean> = {
    ...settings.settings,
    region: surroundings.region,
    port: PUBLIC_PORT,
    "admin-port": ADMIN_PORT,
    "admin-host": settings.adminRanges.length > 0 ? "::" : "127.0.0.1",
    "max-connections": settings.clientsPerMachine,
    "drain-timeout-ms": settings.drainSeconds * 1000,
    "drain-wait-ms": drainWaitSeconds(settings) * 1000,
    "log-format": "json",
    "kafka-topics": settings.topics.join(","),
    ...(settings.publishTopic !== undefined && { "publish-topic": settings.publishTopic }),
    // The proxy balancer hides clients' addresses: without this, limits per address would count Google's.
    "hidden-addresses": true,
    ...busValues(settings, surroundings),
    ...kafkaValues(settings, surroundings),
  };
  const plain = Object.entries(values).map(([name, value]) => [variableOf({ name }), String(value)]);
  return { plain: Object.fromEntries(plain), files: secretFiles(settings, surroundings) };
}

function busValues({ bus }: Settings, surroundings: Surroundings): Record<string, string | boolean> {
  if (bus.kind === "given") return { "bus-scope": bus.scope };
  const { url = "", hasCa = false } = surroundings.bus ?? {};
  // Memorystore's certificates hold the server's address as a name that no client compares; its authority signs for
  // this one server alone, so that whatever it has signed is that server.
  return {
    bus: url,
    ...(hasCa && { "bus-ca": `${FILES_DIRECTORY}/${BUS_CA_FILE}`, "bus-tls-any-name": true }),
  };
}

function kafkaValues({ kafka }: Settings, surroundings: Surroundings): Record<string, string | boolean> {
  if (kafka.kind === "given") {
    const { brokers, tls, saslMechanism, username } = kafka;
    return {
      "kafka-brokers": brokers.join(","),
      "kafka-tls": tls,
      ...(saslMechanism !== undefined && { "kafka-sasl-mechanism": saslMechanism }),
      ...(username !== undefined && { "kafka-sasl-username": username }),
    };
  }
  const { brokers = "", username = "" } = surroundings.kafka ?? {};
  return {
    "kafka-brokers": brokers,
    "kafka-tls": true,
    "kafka-sasl-mechanism": "PLAIN",
    "kafka-sasl-username": username,
  };
}

function secretFiles(settings: Settings, { region }: Surroundings): SecretFile[] {
  const { bus, kafka, regions } = settings;
  const byName: Record<string, string | undefined> = {
    ...settings.files,
    bus: bus.kind === "given" ? regions[region]?.busUrlSecret : undefined,
    "bus-ca": bus.kind === "given" ? bus.caSecret : undefined,
    "bus-password":
      bus.kind === "memorystore" ? busPasswordSecret(settings, region) : settings.files["bus-password"],
    "kafka-tls-ca": kafka.kind === "given" ? kafka.caSecret : undefined,
    "kafka-sasl-password": kafka.kind === "given" ? kafka.passwordSecret : kafkaPasswordSecret(settings),
  };
  const { metricsKeySecret } = settings;
  return [
    ...Object.entries(byName).flatMap(([file, secret]) => {
      const variable = fileVariable(file);
      return secret === undefined || variable === undefined ? [] : [{ file, variable, secret }];
    }),
    ...(metricsKeySecret === undefined ? [] : [{ file: METRICS_KEY_FILE, secret: metricsKeySecret }]),
  ];
}
