import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../test/services/ports.ts";
import type { Peer } from "./peer.ts";
import { post, startServer } from "./serverProcess.ts";

const DIRECTORY = join(homedir(), ".cache", "shardcast-bench", "bin");
const BUILD_MS_MAX = 15 * 60_000;

/** The program where it is installed, or was built here; undefined where neither. */
export function centrifugoProgram(): string | undefined {
  const built = join(DIRECTORY, "centrifugo");
  return Bun.which("centrifugo") ?? (existsSync(built) ? built : undefined);
}

/** Builds it once where Go is there: minutes. */
export function buildCentrifugo(): void {
  const go = Bun.which("go");
  if (centrifugoProgram() !== undefined || go === null) return;
  console.log("building Centrifugo with Go, once …");
  mkdirSync(DIRECTORY, { recursive: true });
  spawnSync(go, ["install", "github.com/centrifugal/centrifugo/v6@latest"], {
    env: { ...process.env, GOBIN: DIRECTORY },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: BUILD_MS_MAX,
  });
}

export const centrifugo: Peer = {
  name: "Centrifugo",
  wire: {
    path: "/connection/websocket",
    greet: ['{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"all"}}'],
    subscribed: '{"id":2,"subscribe"',
    answer: (text) => (text === "{}" ? "{}" : undefined),
    among: "{}",
  },
  missing: () =>
    centrifugoProgram() === undefined
      ? "no program centrifugo in the path, and no Go that could build it"
      : undefined,
  async start({ instances, redis }) {
    const ports = await freePorts(instances);
    const engine =
      redis === undefined ? { type: "memory" } : { type: "redis", redis: { address: redis.url } };
    const servers = await Promise.all(
      ports.map((port) =>
        startServer(port, (directory) => {
          const file = join(directory, "config.json");
          writeFileSync(file, JSON.stringify(configuration(port, engine)));
          return [centrifugoProgram() ?? "centrifugo", "--config", file];
        }),
      ),
    );
    return {
      ports,
      pids: servers.flatMap(({ pids }) => pids),
      async publish(payloads) {
        const commands = payloads.map((data) => `{"publish":{"channel":"all","data":${data}}}`);
        const answer = await post(
          `http://127.0.0.1:${ports[0]}/api/batch`,
          `{"commands":[${commands.join(",")}]}`,
        );
        if (answer.includes('"error"')) throw new Error(`Centrifugo does not publish: ${answer}`);
      },
      stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
    };
  },
};

function configuration(
  port: number,
  engine: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return {
    engine,
    http_server: { address: "127.0.0.1", port: `${port}` },
    http_api: { insecure: true },
    client: { insecure: true, allowed_origins: ["*"] },
    channel: { without_namespace: { allow_subscribe_for_client: true } },
    log: { level: "warn" },
  };
}
