import { generateKeyPairSync } from "node:crypto";
import { didYouMean } from "../../../packages/server/config/didYouMean.ts";
import { loadConfig } from "../../../packages/server/config.ts";
import { environment, SECRETS_DIRECTORY } from "../machine/environment.ts";
import { fileVariable, SHARDCAST_SETTINGS } from "./fileVariable.ts";
import type { Settings } from "./schema.ts";

/** Settings of Shardcast that the program sets from others, and where each comes from. */
const TAKEN: Readonly<Record<string, string>> = {
  config: "settings",
  region: "regions",
  instance: "the machine's name",
  host: "the balancer, which reaches every machine by its address",
  port: "the balancer, which looks for 3000",
  "admin-host": "adminRanges",
  "admin-port": "the collector, which looks for 3001",
  "admin-insecure": "adminRanges",
  "max-connections": "clientsPerMachine",
  "drain-timeout-ms": "drainSeconds",
  "drain-wait-ms": "spot, and the balancer, which needs 10 s to notice",
  "trusted-proxies": "the balancer, which hides addresses",
  "hidden-addresses": "the balancer, which hides addresses",
  "bus-tls-any-name": "bus.kind",
  "log-format": "Cloud Logging, which reads JSON",
  "tls-cert": "domains",
  "tls-key": "domains",
  bus: "bus",
  "bus-scope": "bus.scope",
  "bus-ca": "bus.caSecret",
  "kafka-brokers": "kafka",
  "kafka-tls": "kafka.tls",
  "kafka-tls-ca": "kafka.caSecret",
  "kafka-sasl-mechanism": "kafka.saslMechanism",
  "kafka-sasl-username": "kafka.username",
  "kafka-sasl-password": "kafka.passwordSecret",
  "kafka-topics": "topics",
  "publish-topic": "publishTopic",
};

/** What is wrong with the settings that are handed on, in the server's own words: before a machine would say it. */
export function settingProblems(settings: Settings): string[] {
  const problems = [
    ...Object.keys(settings.settings).flatMap((name) => plainProblem(name) ?? []),
    ...Object.keys(settings.files).flatMap((name) => fileProblem(name) ?? []),
  ];
  return problems.length > 0 ? problems : refusals(settings);
}

function plainProblem(name: string): string | undefined {
  const setting = SHARDCAST_SETTINGS.find((one) => one.name === name);
  if (setting === undefined) return `settings.${name}: ${noSuch(name)}`;
  if (TAKEN[name] !== undefined) return `settings.${name}: is set from ${TAKEN[name]}`;
  if (setting.secret !== undefined) return `settings.${name}: is secret; name a secret in files.${name}`;
  if (setting.kind.file !== undefined) return `settings.${name}: is a file; name a secret in files.${name}`;
  return undefined;
}

function fileProblem(name: string): string | undefined {
  if (SHARDCAST_SETTINGS.every((one) => one.name !== name)) return `files.${name}: ${noSuch(name)}`;
  if (TAKEN[name] !== undefined) return `files.${name}: is set from ${TAKEN[name]}`;
  return fileVariable(name) === undefined
    ? `files.${name}: is neither secret nor a file; use settings`
    : undefined;
}

function noSuch(name: string): string {
  const similar = didYouMean(
    name,
    SHARDCAST_SETTINGS.map((one) => one.name),
  );
  return `there is no such setting; ${similar === undefined ? "docs/configuration.md lists them" : `did you mean ${similar}?`}`;
}

function refusals(settings: Settings): string[] {
  const [region = ""] = Object.keys(settings.regions);
  const { plain, files } = environment(settings, {
    region,
    bus: settings.bus.kind === "memorystore" ? { url: "rediss://10.0.0.3:6378", hasCa: true } : undefined,
    kafka:
      settings.kafka.kind === "managed"
        ? { brokers: "bootstrap.example:9092", username: "someone" }
        : undefined,
  });
  const byVariable = Object.fromEntries(
    files.flatMap(({ variable, file }) =>
      variable === undefined ? [] : [[variable, `${SECRETS_DIRECTORY}/${file}`]],
    ),
  );
  const loaded = loadConfig({
    argv: [],
    env: { ...plain, ...byVariable },
    readFile: (path) => standIn(path),
    machine: { hostname: "machine", cores: 4, processId: 1, openFilesMax: 1_048_576, isTerminal: false },
  });
  if (loaded.ok) return [];
  return loaded.problems.map(
    ({ origin, message, advice }) => `settings: ${origin.name}: ${message} (${advice})`,
  );
}

/** What a file may hold, as far as the server looks at it when it reads its settings. */
function standIn(path: string): string {
  const name = path.slice(SECRETS_DIRECTORY.length + 1);
  if (name === "bus") return "tls://bus.example:4222";
  if (name !== "jwt-public-key") return "x".repeat(48);
  return generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
}
