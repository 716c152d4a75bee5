import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  /** Ends the server; `restart` brings it back on the same port. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Sends a signal such as SIGSTOP, to play a server that hangs. */
  signal(signal: NodeJS.Signals): void;
}

export function redisAvailable(): boolean {
  return findService(RECIPE) !== undefined;
}

/** Starts a Redis server of its own, without persistence, on a free port. */
export async function startRedis(extraArguments: readonly string[] = []): Promise<TestRedis> {
  const location = findService(RECIPE);
  if (location === undefined || location.kind === "address") {
    throw new Error("a Redis of its own needs redis-server or a container engine");
  }
  const directory = mkdtempSync(join(tmpdir(), "shardcast-redis-"));
  const [port = 0] = await freePorts(1);
  const server = [
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    ...extraArguments,
  ];
  const command =
    location.kind === "program"
      ? [location.path, ...server, "--dir", directory]
      : [
          location.engine,
          "run",
          "--rm",
          "-i",
          "--network",
          "host",
          location.image,
          "redis-server",
          ...server,
        ];
  let running: GuardedProcess | undefined;
  const restart = async () => {
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
    kill,
    restart,
    signal: (signal) => running?.signal(signal),
    stop: async () => {
      await running?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function answering(port: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    if (await pings(port)) return;
    await Bun.sleep(20);
  }
  throw new Error(`Redis on port ${port} does not answer`);
}

async function pings(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (opened) => void opened.write("PING\r\n"),
        data: (_socket, bytes) => resolve(bytes.toString().startsWith("+PONG")),
        close: () => resolve(false),
        error: () => resolve(false),
      },
    });
    const answered = await promise;
    socket.end();
    return answered;
  } catch {
    // Nobody listens yet; the caller asks again until its deadline.
    return false;
  }
}
