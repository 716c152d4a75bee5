import { composeConfig } from "./config/compose.ts";
import { contradictions } from "./config/contradictions.ts";
import { type EffectiveSetting, effectiveSettings } from "./config/effective.ts";
import { type Machine, thisMachine } from "./config/environment.ts";
import { type Origin, type Problem, problemAt } from "./config/problem.ts";
import { readSettings, type SettingInputs } from "./config/readSettings.ts";
import { resolveValues } from "./config/resolveValues.ts";
import { SETTINGS } from "./config/settings.ts";
import type { KafkaConnectionOptions } from "./kafka/options.ts";

export type Role = "all" | "ingest" | "gateway";
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/**
 * Everything that an instance was told, checked and complete. It is plain JSON, so that the supervisor can hand it
 * to its shards as it is. It holds secrets: print `redactConfig(config)` and never this.
 */
export interface Config {
  readonly instance: {
    /** Unique in the cluster. */
    readonly id: string;
    readonly region: string;
    readonly role: Role;
    /** Number of shard processes; `auto` has been resolved. */
    readonly shards: number;
    readonly drainTimeoutMs: number;
  };
  readonly gateway: {
    readonly host: string;
    /** 0: the first shard chooses and the others follow. */
    readonly port: number;
    /** Of the whole instance. */
    readonly connectionsMax: number;
    /** `*`, or origins such as `https://example.com` and `https://*.example.com`. */
    readonly allowedOrigins: readonly string[];
  };
  readonly admin: {
    readonly host: string;
    readonly port: number;
  };
  readonly bus: {
    readonly url: string;
    /** Begins every name that this cluster uses on the bus. */
    readonly prefix: string;
  };
  /** Absent where no brokers are configured: the log is then the supervisor's memory. */
  readonly kafka?: KafkaConfig;
  readonly routing: {
    readonly channelTemplate: string;
    /** Topic → its own template, before `channelTemplate`. */
    readonly topicTemplates: Readonly<Record<string, string>>;
  };
  readonly history: {
    readonly messagesPerChannel: number;
    readonly bytesPerShard: number;
    readonly seconds: number;
  };
  readonly embeddedLog: {
    readonly bytesMax: number;
  };
  /** Per client. */
  readonly limits: {
    /** Client → server. */
    readonly messageBytesMax: number;
    readonly subscriptionsMax: number;
    readonly requestsPerSecond: number;
    /** Requests that may come at once before `requestsPerSecond` counts. */
    readonly requestBurst: number;
    readonly handshakeTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly pingIntervalMs: number;
    /** Unsent bytes at which a slow client is cut off. */
    readonly backpressureBytes: number;
  };
  /** How much one resume may read back from the log. */
  readonly resume: {
    readonly recordsMax: number;
    readonly bytesMax: number;
    readonly ageSecondsMax: number;
  };
  readonly demo: {
    readonly enabled: boolean;
    readonly messagesPerSecond: number;
  };
  readonly logging: {
    readonly level: LogLevel;
    readonly format: "json" | "pretty";
  };
}

export interface KafkaConfig {
  readonly connection: KafkaConnectionOptions;
  /** Topics that this instance's cluster reads. At least one, unless only `publishTopic` is set. */
  readonly topics: readonly string[];
  readonly groupId: string;
  readonly from: "latest" | "earliest";
  /** Where records go that cannot be routed. */
  readonly deadLetterTopic?: string;
  /** Where HTTP publishes are appended. Also among `topics`, so that they reach the clients. */
  readonly publishTopic?: string;
}

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Setting by its flag's name → where its value came from. */
      readonly sources: Readonly<Record<string, Origin>>;
      /** Every setting as it holds now, without secrets. */
      readonly effective: readonly EffectiveSetting[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads all settings: flags before variables before the config file before defaults. Everything that is unknown,
 * wrong or contradictory comes back as one list, so that it can be mended in one go.
 */
export function loadConfig(inputs: SettingInputs & { readonly machine?: Machine }): LoadedConfig {
  const read = readSettings(SETTINGS, inputs);
  const { values, origins, paths } = read;
  const problems = [...read.problems, ...read.positionals.map(unexpectedArgument), ...contradictions(read)];
  if (problems.length > 0) return { ok: false, problems };
  const resolved = resolveValues(values, inputs.machine ?? thisMachine());
  const effective = effectiveSettings(resolved, origins, paths);
  const sources = Object.fromEntries(effective.map(({ name, origin }) => [name, origin]));
  return { ok: true, config: composeConfig(resolved), sources, effective };
}

function unexpectedArgument(argument: string): Problem {
  const origin = { kind: "flag", name: argument } as const;
  return problemAt(origin, "belongs to no flag", "Remove it, or write the flag that it belongs to in front.");
}
