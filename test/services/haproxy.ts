import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findService, type ServiceRecipe } from "./find.ts";
import { type GuardedProcess, startGuarded } from "./guardedProcess.ts";
import { freePorts } from "./ports.ts";

const RECIPE: ServiceRecipe = {
  name: "haproxy",
  environment: "SHARDCAST_TEST_HAPROXY",
  programs: ["haproxy"],
  debianPackages: ["haproxy"],
  image: undefined,
};

/** The configuration that is shipped: tests run no other. */
const SHIPPED = new URL("../../deploy/haproxy/haproxy.cfg", import.meta.url).pathname;

export interface ProxiedServer {
  readonly name: string;
  readonly port: number;
}

export interface ServerStatus {
  readonly name: string;
  /** Such as `UP`, `DOWN`, `UP 1/3` (on its way down) or `DOWN 1/2` (on its way up). */
  readonly status: string;
  /** Why, by the last check: `L7OK`, `L7STS` (another status than 200), `L4CON`, `L4TOUT` … */
  readonly check: string;
  readonly connections: number;
  /** The most that came in any one second, since the start or `clearCounters`. */
  readonly ratePerSecondMax: number;
}

export interface TestHaproxy {
  readonly port: number;
  /** undefined while it is killed. */
  readonly pid: number | undefined;
  servers(): Promise<readonly ServerStatus[]>;
  clearCounters(): Promise<void>;
  /** Ends it by force: all connections through it break. `restart` brings it back on the same port. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export function haproxyAvailable(): boolean {
  return findService(RECIPE) !== undefined;
}

/** Starts HAProxy with the shipped configuration before these servers. `slowStart` false leaves the slow start out. */
export async function startHaproxy(
  servers: readonly ProxiedServer[],
  options: { readonly slowStart?: boolean; readonly port?: number } = {},
): Promise<TestHaproxy> {
  const location = findService(RECIPE);
  if (location?.kind !== "program") throw new Error("a HAProxy of its own needs the program haproxy");
  const directory = mkdtempSync(join(tmpdir(), "shardcast-haproxy-"));
  const file = join(directory, "haproxy.cfg");
  const socket = join(directory, "stats.sock");
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  writeFileSync(file, configuration(servers, options.slowStart ?? true));
  const env = { HAPROXY_BIND: `127.0.0.1:${port}`, HAPROXY_STATS_SOCKET: socket };
  let running: GuardedProcess | undefined;
  const restart = async () => {
    const logFile = join(directory, "haproxy.log");
    running = await startGuarded([location.path, "-db", "-f", file], { logFile, directory, env });
    const deadline = Date.now() + 10_000;
    while ((await ask(socket, "show info").catch(() => "")) === "") {
      if (Date.now() > deadline) throw new Error(`HAProxy does not start:\n${readFileSync(logFile, "utf8")}`);
      await Bun.sleep(20);
    }
  };
  await restart();
  return {
    port,
    get pid() {
      return running?.pid;
    },
    restart,
    servers: async () => parseStatus(await ask(socket, "show stat")),
    clearCounters: async () => {
      await ask(socket, "clear counters all");
    },
    kill: async () => {
      running?.signal("SIGKILL");
      await running?.exited;
      running = undefined;
    },
    stop: async () => {
      await running?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The shipped file with these servers in the place of its own. */
function configuration(servers: readonly ProxiedServer[], hasSlowStart: boolean): string {
  const shipped = readFileSync(SHIPPED, "utf8").replace(/^ {2}server .*\n/gm, "");
  const lines = servers.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}\n`).join("");
  const text = shipped.trimEnd().concat("\n", lines);
  return hasSlowStart ? text : text.replace(/ slowstart \S+/, "");
}

/** One command to the running HAProxy; resolves with its answer. */
function ask(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const connection = connect(socket, () => connection.write(`${command}\n`));
    connection.on("data", (bytes) => {
      answer += bytes.toString();
    });
    connection.once("end", () => resolve(answer));
    connection.once("error", reject);
  });
}

function parseStatus(csv: string): ServerStatus[] {
  const [head = "", ...lines] = csv.trim().replace(/^# /, "").split("\n");
  const columns = head.split(",");
  return lines
    .map((line) => line.split(","))
    .map((cells) => (column: string) => cells[columns.indexOf(column)] ?? "")
    .filter((cell) => cell("pxname") === "shardcast" && cell("svname") !== "BACKEND")
    .map((cell) => ({
      name: cell("svname"),
      status: cell("status"),
      check: cell("check_status").replace(/^\* /, ""),
      connections: Number(cell("scur")),
      ratePerSecondMax: Number(cell("rate_max")),
    }));
}
