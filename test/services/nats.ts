import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findService, type ServiceRecipe } from "./find.ts";
import { type GuardedProcess, startGuarded } from "./guardedProcess.ts";
import { freePorts } from "./ports.ts";

const RECIPE: ServiceRecipe = {
  name: "nats",
  environment: "SHARDCAST_TEST_NATS",
  programs: ["nats-server"],
  debianPackages: ["nats-server"],
  image: "nats:2",
};

export interface NatsServerOptions {
  /** Lines of the server's configuration file; `{directory}` in them is where it and `files` lie. */
  readonly config?: string;
  /** Name → content. */
  readonly files?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** The address to listen at; 127.0.0.1 by default. */
  readonly host?: string;
}

export interface TestNats {
  readonly url: string;
  readonly port: number;
  /** The server's own figures: `/varz` and others. */
  readonly monitoringUrl: string;
  /** Of the server itself; 0 while it is killed. */
  readonly pid: number;
  /** Ends the server by force; `restart` brings it back on the same port. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Makes it hang while its connections stay; resolves once it does. The result ends that. */
  hang(): Promise<() => void>;
}

export function natsAvailable(): boolean {
  return findService(RECIPE) !== undefined;
}

/** Starts a NATS server of its own on a free port. */
export async function startNats(options: NatsServerOptions = {}): Promise<TestNats> {
  const location = findService(RECIPE);
  if (location === undefined || location.kind === "address") {
    throw new Error("a NATS server of its own needs nats-server or a container engine");
  }
  const directory = mkdtempSync(join(tmpdir(), "shardcast-nats-"));
  for (const [name, content] of Object.entries(options.files ?? {}))
    writeFileSync(join(directory, name), content);
  const configFile = join(directory, "nats.conf");
  writeFileSync(configFile, (options.config ?? "").replaceAll("{directory}", directory));
  const [monitoringPort = 0, ownPort = 0] = await freePorts(2);
  const port = options.port ?? ownPort;
  const host = options.host ?? "127.0.0.1";
  const monitoring = ["--http_port", `${monitoringPort}`];
  const server = ["--addr", host, "--port", `${port}`, ...monitoring, "--config", configFile];
  const mount = `${directory}:${directory}`;
  const command =
    location.kind === "program"
      ? [location.path, ...server]
      : [location.engine, "run", "--rm", "-i", "--network", "host", "-v", mount, location.image, ...server];
  let running: GuardedProcess | undefined;
  const restart = async () => {
    running = await startGuarded(command, { logFile: join(directory, "nats.log"), directory });
    await answering(host, port);
  };
  const kill = async () => {
    running?.signal("SIGKILL");
    await running?.exited;
  };
  await restart();
  return {
    url: `nats://${host}:${port}`,
    port,
    monitoringUrl: `http://${host}:${monitoringPort}`,
    get pid() {
      return running?.pid ?? 0;
    },
    kill,
    restart,
    hang: async () => {
      running?.signal("SIGSTOP");
      while (running !== undefined && !isStopped(running.pid)) await Bun.sleep(1);
      return () => running?.signal("SIGCONT");
    },
    stop: async () => {
      // One that hangs would not hear a request to end.
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Starts servers that are connected with one another. `config` is added to each one's configuration. */
export async function startNatsCluster(count: number, config = ""): Promise<readonly TestNats[]> {
  const ports = await freePorts(2 * count);
  const [clientPorts, routePorts] = [ports.slice(0, count), ports.slice(count)];
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  return await Promise.all(
    routePorts.map((routePort, index) =>
      startNats({
        port: clientPorts[index] ?? 0,
        config: `
          server_name: node${index}
          cluster { name: test, listen: "127.0.0.1:${routePort}", routes: [${routes}], no_advertise: true }
          ${config}
        `,
      }),
    ),
  );
}

/** Its threads stop one by one, and one that still runs may answer. */
function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")));
}

async function answering(hostname: string, port: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    if (await greets(hostname, port)) return;
    await Bun.sleep(20);
  }
  throw new Error(`NATS on port ${port} does not answer`);
}

/** A NATS server speaks first, also where it demands TLS after that. */
async function greets(hostname: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  try {
    const socket = await Bun.connect({
      hostname,
      port,
      socket: {
        data: (_socket, bytes) => resolve(bytes.toString().startsWith("INFO ")),
        close: () => resolve(false),
        error: () => resolve(false),
      },
    });
    const greeted = await promise;
    socket.end();
    return greeted;
  } catch {
    // Nobody listens yet; the caller asks again until its deadline.
    return false;
  }
}
