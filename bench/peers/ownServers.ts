import { freePorts } from "../../test/services/ports.ts";
import type { PeerOptions, RunningPeer } from "./peer.ts";
import { post, startServer } from "./serverProcess.ts";

/** Starts instances of a server that is written here: a program that takes a port and perhaps the address of a Redis. */
export async function startOwnServers(
  runtime: string,
  script: string,
  { instances, redis }: PeerOptions,
): Promise<RunningPeer> {
  const ports = await freePorts(instances);
  const file = new URL(script, import.meta.url).pathname;
  const servers = await Promise.all(
    ports.map((port) => startServer(port, () => [runtime, file, `${port}`, redis?.url ?? ""])),
  );
  return {
    ports,
    pids: servers.flatMap(({ pids }) => pids),
    publish: async (payloads) =>
      void (await post(`http://127.0.0.1:${ports[0]}/publish`, payloads.join("\n"))),
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}
