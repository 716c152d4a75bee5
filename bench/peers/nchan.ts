import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installPackages, reportMissing } from "../../test/services/find.ts";
import { freePorts } from "../../test/services/ports.ts";
import { until } from "../../test/services/until.ts";
import { openPublisher } from "./nchanPublisher.ts";
import type { Peer } from "./peer.ts";
import { type ServerProcess, startServer } from "./serverProcess.ts";

const MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/** Whether nginx and its module are here, or could be installed; it is said loudly where not. */
function nchanAvailable(): boolean {
  const isHere = () => Bun.which("nginx") !== null && existsSync(MODULE);
  if (isHere() || (installPackages(["nginx", "libnginx-mod-nchan"]) && isHere())) return true;
  reportMissing("nchan", "install nginx and libnginx-mod-nchan");
  return false;
}

export const nchan: Peer = {
  name: "Nchan",
  wire: { path: "/sub", greet: [], subscribed: undefined, answer: () => undefined },
  missing: () => (nchanAvailable() ? undefined : "no nginx with Debian's libnginx-mod-nchan"),
  async start({ instances, redis, clients }) {
    const ports = await freePorts(instances);
    const servers = await Promise.all(ports.map((port) => startNginx(port, clients, redis?.url)));
    const publisher = await openPublisher(`ws://127.0.0.1:${ports[0]}/pub`);
    return {
      ports,
      pids: servers.flatMap(({ pids }) => pids),
      publish: (payloads) => publisher.publish(payloads),
      async stop() {
        publisher.close();
        await Promise.all(servers.map((server) => server.stop()));
      },
    };
  },
};

async function startNginx(
  port: number,
  clients: number,
  redisUrl: string | undefined,
): Promise<ServerProcess> {
  let log = "";
  const server = await startServer(port, (directory) => {
    log = join(directory, "error.log");
    const file = join(directory, "nginx.conf");
    writeFileSync(file, configuration({ directory, port, clients, redisUrl }));
    return ["nginx", "-p", directory, "-c", file, "-g", "daemon off;"];
  });
  // It serves at once, and drops those who come before it has met its Redis.
  if (redisUrl !== undefined) await until(() => readFileSync(log, "utf8").includes(": ready"));
  return server;
}

function configuration({ directory, port, clients, redisUrl }: NginxOptions): string {
  const shared = redisUrl === undefined ? "" : "nchan_redis_pass shared;";
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${directory}/${name};`)
    .join(" ");
  return `load_module ${MODULE};
pid ${directory}/nginx.pid;
error_log ${directory}/error.log notice;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
events { worker_connections ${clients + 1000}; }
http {
  access_log off;
  ${temporary}
  ${redisUrl === undefined ? "" : `upstream shared { nchan_redis_server ${redisUrl}; }`}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = / { return 200; }
    location = /pub { nchan_publisher websocket http; nchan_channel_id all; nchan_store_messages off; ${shared} }
    location = /sub { nchan_subscriber websocket; nchan_channel_id all; nchan_subscriber_first_message newest; ${shared} }
  }
}
`;
}

interface NginxOptions {
  readonly directory: string;
  readonly port: number;
  readonly clients: number;
  readonly redisUrl: string | undefined;
}
