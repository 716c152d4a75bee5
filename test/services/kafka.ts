import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates, type TestCertificates } from "./certificates.ts";
import { findService, type ServiceLocation, type ServiceRecipe } from "./find.ts";
import { finished } from "./finished.ts";
import { type GuardedProcess, startGuarded } from "./guardedProcess.ts";
import { KAFKA_VERSION, kafkaClassPath } from "./kafkaDistribution.ts";
import { freePorts } from "./ports.ts";

const RECIPE: ServiceRecipe = {
  name: "kafka",
  environment: "SHARDCAST_TEST_KAFKA",
  programs: ["java", "mvn"],
  debianPackages: ["default-jre-headless", "maven"],
  image: `apache/kafka:${KAFKA_VERSION}`,
};

/** The user of the listeners with SASL, for PLAIN and SCRAM alike. */
export const KAFKA_USER = { username: "alice", password: "alice-secret" } as const;

const START_TIMEOUT_MS = 60_000;
const LOG_CONFIGURATION = `status=error
rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=stdout
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d %p %c{1}: %m%n
`;

export interface KafkaStartOptions {
  /** Of the plain listener, instead of a free one. */
  readonly port?: number;
  /** Adds a listener with SASL PLAIN and SCRAM. */
  readonly sasl?: boolean;
  /** Adds a listener with TLS, and with `sasl` one with both. */
  readonly tls?: boolean;
  /** Further broker settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface TestKafka {
  /** `host:port` of the plain listener, as a list. */
  readonly brokers: readonly string[];
  readonly saslBrokers: readonly string[];
  readonly tlsBrokers: readonly string[];
  readonly saslTlsBrokers: readonly string[];
  readonly certificates: TestCertificates | undefined;
  /** Runs a main class of Kafka's own tools to its end and returns what it prints. */
  tool(mainClass: string, args: readonly string[], input?: string): Promise<string>;
  /** Ends the broker in order; the data stays, so that `restart` goes on from it. */
  halt(): Promise<void>;
  /** Ends the broker at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts a halted or killed broker again on the same ports and data; halts it first where it runs. */
  restart(): Promise<void>;
  /** Sends a signal such as SIGSTOP, to play a broker that hangs. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the broker and removes its data. */
  stop(): Promise<void>;
}

/** Whether Kafka can be had; says so loudly where not. For `describe.skipIf(!kafkaAvailable())`. */
export function kafkaAvailable(): boolean {
  return findService(RECIPE) !== undefined;
}

let shared: Promise<TestKafka> | undefined;

/**
 * One broker for all test files of a process, started when first asked for. It dies with the process. Tests use
 * topics and groups with names of their own, and do not restart it.
 */
export function sharedKafka(): Promise<TestKafka> {
  shared ??= (async () => {
    const location = findService(RECIPE);
    return location?.kind === "address" ? await external(location.address) : await startKafka();
  })();
  return shared;
}

/** Starts a single broker (KRaft) of its own on free ports, with its data in a temporary folder. */
export async function startKafka(options: KafkaStartOptions = {}): Promise<TestKafka> {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-kafka-"));
  const java = await javaCommand(findService(RECIPE), directory);
  const [free = 0, controller = 0, sasl = 0, tls = 0, saslTls = 0] = await freePorts(5);
  const plain = options.port ?? free;
  const certificates = options.tls === true ? makeCertificates(directory) : undefined;
  const listeners = [
    { name: "PLAINTEXT", port: plain, protocol: "PLAINTEXT" },
    ...(options.sasl === true ? [{ name: "SASL", port: sasl, protocol: "SASL_PLAINTEXT" }] : []),
    ...(options.tls === true ? [{ name: "TLS", port: tls, protocol: "SSL" }] : []),
    ...(options.sasl === true && options.tls === true
      ? [{ name: "SASLTLS", port: saslTls, protocol: "SASL_SSL" }]
      : []),
  ];
  const configuration = join(directory, "server.properties");
  const properties = {
    ...baseSettings(directory, controller, listeners),
    ...saslSettings(),
    ...tlsSettings(certificates),
    ...options.settings,
  };
  const logging = join(directory, "log4j2.properties");
  const logFile = join(directory, "broker.log");
  writeFileSync(logging, LOG_CONFIGURATION);
  writeFileSync(
    configuration,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );

  const run = (heap: string, mainClass: string, args: readonly string[]) => [
    ...java.command,
    `-Xmx${heap}`,
    // The first compiler alone and the shared class archive halve the time that the short-lived tools need.
    ...["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"],
    `-Dlog4j2.configurationFile=${logging}`,
    ...["-cp", java.classPath, mainClass, ...args],
  ];
  const runTool = (mainClass: string, args: readonly string[], input?: string) =>
    runToEnd(run("256m", mainClass, args), input);

  await runTool("kafka.tools.StorageTool", [
    // One argument, because an id that begins with a dash would be taken for a flag: one in 64 does.
    ...["format", `--cluster-id=${randomBytes(16).toString("base64url")}`, "--config", configuration],
    ...["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${KAFKA_USER.username},password=${KAFKA_USER.password}]`,
    ]),
  ]);
  let running: GuardedProcess | undefined;
  const halt = async () => {
    await running?.stop();
    running = undefined;
  };
  const restart = async () => {
    await halt();
    running = await startGuarded(run("512m", "kafka.Kafka", [configuration]), { logFile, directory });
    await accepting(
      running,
      listeners.map(({ port }) => port),
      logFile,
    );
  };
  await restart();
  return {
    brokers: [`127.0.0.1:${plain}`],
    saslBrokers: [`127.0.0.1:${sasl}`],
    tlsBrokers: [`127.0.0.1:${tls}`],
    saslTlsBrokers: [`127.0.0.1:${saslTls}`],
    certificates,
    tool: runTool,
    halt,
    restart,
    signal: (signal) => running?.signal(signal),
    kill: async () => {
      running?.signal("SIGKILL");
      await running?.exited;
      running = undefined;
    },
    stop: async () => {
      await halt();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Listener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

function baseSettings(
  directory: string,
  controllerPort: number,
  listeners: readonly Listener[],
): Record<string, string> {
  const all = [...listeners, { name: "CONTROLLER", port: controllerPort, protocol: "PLAINTEXT" }];
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: all.map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(","),
    "advertised.listeners": listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`).join(","),
    "listener.security.protocol.map": all.map(({ name, protocol }) => `${name}:${protocol}`).join(","),
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(directory, "data"),
    "num.partitions": "1",
    "offsets.topic.num.partitions": "3",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    // Groups form at once, and tests with short sessions are allowed.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "auto.create.topics.enable": "false",
    "controlled.shutdown.enable": "false",
    // A broker that comes back has to wait until its former session has ended.
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "200",
    "log.cleaner.backoff.ms": "200",
    "log.retention.check.interval.ms": "1000",
    "message.max.bytes": "16777216",
  };
}

function saslSettings(): Record<string, string> {
  const { username, password } = KAFKA_USER;
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`;
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  return {
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    ...Object.fromEntries(
      ["sasl", "sasltls"].flatMap((listener) => [
        [`listener.name.${listener}.plain.sasl.jaas.config`, plain],
        [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, scram],
        [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, scram],
      ]),
    ),
  };
}

function tlsSettings(certificates: TestCertificates | undefined): Record<string, string> {
  if (certificates === undefined) return {};
  const line = (pem: string) => pem.trimEnd().replaceAll("\n", "\\n");
  return {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.certificate.chain": line(certificates.server.cert),
    "ssl.keystore.key": line(certificates.server.key),
    "ssl.truststore.type": "PEM",
    "ssl.truststore.certificates": line(certificates.ca),
    "ssl.client.auth": "requested",
  };
}

async function javaCommand(
  location: ServiceLocation | undefined,
  directory: string,
): Promise<{ command: readonly string[]; classPath: string }> {
  if (location?.kind === "program") return { command: [location.path], classPath: await kafkaClassPath() };
  if (location?.kind === "container") {
    const { engine, image } = location;
    const volume = `${directory}:${directory}`;
    const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
    const command = [engine, "run", "--rm", "-i", "--network", "host", "--user", user, "-v", volume];
    return { command: [...command, "--entrypoint", "java", image], classPath: "/opt/kafka/libs/*" };
  }
  throw new Error("a broker of its own needs java and mvn, or a container engine");
}

/** Waits for all of its ports: it opens them one after the other. */
async function accepting(broker: GuardedProcess, ports: readonly number[], logFile: string): Promise<void> {
  let ended = false;
  void broker.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!ended && Date.now() < deadline) {
    if ((await Promise.all(ports.map(connects))).every(Boolean)) return;
    await Bun.sleep(50);
  }
  throw new Error(`the broker does not accept connections:\n${readFileSync(logFile, "utf8").slice(-3000)}`);
}

async function connects(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    // Nobody listens yet; the caller asks again until its deadline.
    return false;
  }
}

async function runToEnd(command: readonly string[], input: string | undefined): Promise<string> {
  const child = Bun.spawn([...command], {
    stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const { stdout, stderr, exitCode } = await finished(child);
  if (exitCode !== 0)
    throw new Error(`${command.slice(-8).join(" ")} ended with ${exitCode}:\n${stdout}\n${stderr}`);
  return stdout;
}

async function external(address: string): Promise<TestKafka> {
  const brokers = address.split(",").map((broker) => broker.trim());
  const refuse = () =>
    Promise.reject(new Error("the broker named by SHARDCAST_TEST_KAFKA is not ours to stop"));
  return {
    brokers,
    saslBrokers: [],
    tlsBrokers: [],
    saslTlsBrokers: [],
    certificates: undefined,
    tool: async (mainClass, args, input) =>
      await runToEnd(["java", "-cp", await kafkaClassPath(), mainClass, ...args], input),
    halt: refuse,
    kill: refuse,
    restart: refuse,
    signal: () => undefined,
    stop: () => Promise.resolve(),
  };
}
