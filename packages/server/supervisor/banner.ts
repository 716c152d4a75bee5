import type { Config } from "../config/shape.ts";
import { VERSION } from "../version.ts";

/** Where an instance is found, in the words that work on this machine. */
export interface InstanceUrls {
  readonly clients: string;
  readonly admin: string;
}

/** Where `tail` and `publish` look by themselves. */
const STANDARD: InstanceUrls = { clients: "ws://127.0.0.1:3000/ws", admin: "http://127.0.0.1:3001" };

/** `port` is the public one, and both are as they came out where 0 was configured. */
export function instanceUrls({ gateway, admin }: Config, port: number, adminPort: number): InstanceUrls {
  return {
    clients: `${gateway.tls === undefined ? "ws" : "wss"}://${hostToName(gateway.host)}:${port}/ws`,
    admin: `http://${hostToName(admin.host)}:${adminPort}`,
  };
}

/** What a person at the terminal wants to know of an instance that is ready. `command` runs `shardcast` there. */
export function banner(config: Config, urls: InstanceUrls, command: string): string {
  const { instance, demo } = config;
  const shards = `${instance.shards} ${instance.shards === 1 ? "shard" : "shards"}`;
  const look = demo.enabled ? "'BTC.*'" : "'<channel>'";
  const servesClients = instance.role !== "ingest";
  return [
    "",
    `  Shardcast ${VERSION}: instance ${instance.id}, ${shards}`,
    ...(demo.enabled && servesClients
      ? [`  demo     ${urls.admin}/demo   a live market in your browser`]
      : []),
    `  see all  ${urls.admin}/   the dashboard`,
    `  clients  ${servesClients ? urls.clients : "none: this instance only ingests"}`,
    `  health   ${urls.admin}/health   metrics  ${urls.admin}/metrics   channels  ${urls.admin}/api/channels`,
    ...(servesClients ? [`  look     ${command} tail ${look}${urlFlag("clients")}`] : []),
    `  publish  ${command} publish my.news '{"hello":1}'${urlFlag("admin")}`,
    "",
    "",
  ].join("\n");

  function urlFlag(side: keyof InstanceUrls): string {
    return urls[side] === STANDARD[side] ? "" : ` --url ${urls[side]}`;
  }
}

/** What listens everywhere is named by the loopback address, on which the admin port listens by default as well. */
function hostToName(host: string): string {
  if (host === "::" || host === "0.0.0.0") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
