import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestCertificates } from "./certificates.ts";
import { findService, type ServiceRecipe } from "./find.ts";
import { type GuardedProcess, startGuarded } from "./guardedProcess.ts";
import { freePorts } from "./ports.ts";

const RECIPE: ServiceRecipe = {
  name: "redis",
  environment: "SHARDCAST_TEST_REDIS",
  programs: ["redis-server"],
  debianPackages: ["redis-server"],
  image: "redis:7",
};

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Of the server itself; 0 while it is killed. */
  readonly pid: number;
  /** Where it speaks TLS; 0 without certificates. */
  readonly tlsPort: number;
  /** Ends the server; `restart` brings it back, empty, on the same port. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Sends a signal such as SIGSTOP, to play a server that hangs. */
  signal(signal: NodeJS.Signals): void;
}

export interface TestRedisOptions {
  /** Settings as `redis.conf` has them, a line each. */
  readonly config?: readonly string[];
  /** It then speaks TLS too, on a port of its own. */
  readonly certificates?: Pick<TestCertificates, "ca" | "server">;
  /** Starts a sentinel instead. */
  readonly isSentinel?: boolean;
}

export function redisAvailable(): boolean {
  return findService(RECIPE) !== undefined;
}

/** Starts a Redis server of its own, without persistence, on a free port. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const location = findService(RECIPE);
  if (location === undefined || location.kind === "address") {
    throw new Error("a Redis of its own needs redis-server or a container engine");
  }
  const directory = mkdtempSync(join(tmpdir(), "shardcast-redis-"));
  const [port = 0, tlsPort = 0] = await freePorts(options.certificates === undefined ? 1 : 2);
  const configFile = join(directory, "redis.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${directory}`,
    ...(options.isSentinel === true ? [] : ['save ""', "appendonly no"]),
    ...tlsLines(directory, tlsPort, options.certificates),
    ...(options.config ?? []),
  ];
  const server = [configFile, ...(options.isSentinel === true ? ["--sentinel"] : [])];
  const command =
    location.kind === "program"
      ? [location.path, ...server]
      : [
          ...[location.engine, "run", "--rm", "-i", "--network", "host", "-v", `${directory}:${directory}`],
          ...[location.image, "redis-server", ...server],
        ];
  let running: GuardedProcess | undefined;
  const restart = async () => {
    // Sentinels write what they learn into their file, and a server what it became.
    writeFileSync(configFile, `${lines.join("\n")}\n`);
    running = await startGuarded(command, { logFile: join(directory, "redis.log"), directory });
    await answering(port);
  };
  const kill = async () => {
    running?.signal("SIGKILL");
    await running?.exited;
  };
  await restart();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return running?.pid ?? 0;
    },
    tlsPort,
    kill,
    restart,
    signal: (signal) => running?.signal(signal),
    stop: async () => {
      // One that was stopped by SIGSTOP would hear nothing else.
      running?.signal("SIGCONT");
      await running?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function tlsLines(directory: string, port: number, certificates: TestRedisOptions["certificates"]): string[] {
  if (certificates === undefined) return [];
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  return [
    `tls-port ${port}`,
    `tls-ca-cert-file ${file("ca.pem", certificates.ca)}`,
    `tls-cert-file ${file("server.pem", certificates.server.cert)}`,
    `tls-key-file ${file("server.key", certificates.server.key)}`,
    "tls-auth-clients no",
  ];
}

async function answering(port: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    // One that wants a password answers too.
    if (/^(\+PONG|-NOAUTH)/.test((await askRedis(port, "PING")) ?? "")) return;
    await Bun.sleep(20);
  }
  throw new Error(`Redis on port ${port} does not answer`);
}

/** Sends one command; resolves with the beginning of its raw answer, or undefined where nobody listens. */
export async function askRedis(port: number, command: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (opened) => void opened.write(`${command}\r\n`),
        data: (_socket, bytes) => resolve(bytes.toString()),
        close: () => resolve(undefined),
        error: () => resolve(undefined),
      },
    });
    const answer = await promise;
    socket.end();
    return answer;
  } catch {
    // Nobody listens yet, or not any more.
    return undefined;
  }
}
