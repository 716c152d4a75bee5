import { connect } from "../../packages/client/client.ts";
import { deflate } from "../../packages/client/deflate.ts";
import { startInstance } from "../../test/instance.fixture.ts";
import { nodeProgram } from "../../test/services/node.ts";
import type { FeedMessage } from "./feeds.ts";

/** A server under the bench. */
export interface Target {
  readonly port: number;
  readonly path: string;
  /** For the handshake of its clients. */
  readonly extensions: string;
  /** Of what writes to clients: Shardcast's shard, or the peer. */
  readonly pid: number;
  readonly publish: (messages: readonly FeedMessage[]) => unknown;
  /** Of each message that a client of ours has read since the start, in ms; undefined where there is none of ours. */
  readonly latenciesMs: readonly number[] | undefined;
  readonly end: () => Promise<unknown>;
}

export interface TargetKind {
  readonly name: string;
  readonly start: (channels: readonly string[], clients: number) => Promise<Target>;
}

/** `waitMs` is undefined for clients that take plain text. */
async function shardcast(
  channels: readonly string[],
  clients: number,
  waitMs: number | undefined,
): Promise<Target> {
  const isDeflated = waitMs !== undefined;
  const instance = await startInstance([
    ...["--shards", "1", "--max-connections", `${clients + 10}`, "--log-level", "warn"],
    ...["--deflate-wait-ms", `${waitMs ?? 0}`, "--max-instance-subscriptions", "1000000"],
  ]);
  const [pid = 0] = await instance.shardPids();
  const latenciesMs: number[] = [];
  // The server's clock is this machine's, too.
  const onMessage = ({ ts }: { readonly ts: number }) => latenciesMs.push(Date.now() - ts);
  const client = connect(instance.url, isDeflated ? { encoding: deflate } : {});
  for (const channel of channels) client.subscribe(channel, onMessage);
  return {
    port: instance.port,
    path: isDeflated ? "/ws?encoding=deflate" : "/ws",
    extensions: "",
    pid,
    publish: async (messages) => {
      const body = JSON.stringify(messages);
      await (await fetch(`${instance.admin}/api/publish`, { method: "POST", body })).text();
    },
    latenciesMs,
    end: async () => {
      await client.close();
      await instance.end();
    },
  };
}

async function peer(command: readonly string[]): Promise<Target> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const child = Bun.spawn([...command], {
    stdio: ["ignore", "inherit", "inherit"],
    serialization: "json",
    ipc: ({ port }: { port: number }) => resolve(port),
  });
  let offset = 0;
  return {
    port: await promise,
    path: "/",
    extensions: "permessage-deflate; client_max_window_bits",
    pid: child.pid,
    publish: (messages) => child.send(messages.map((message) => envelope(message, offset++))),
    latenciesMs: undefined,
    end: () => {
      child.kill();
      return child.exited;
    },
  };
}

/** What Shardcast makes of it. */
function envelope({ channel, data }: FeedMessage, offset: number): string {
  return JSON.stringify({ type: "message", channel, cursor: `k3f9abc:${offset}`, ts: Date.now(), data });
}

const script = (name: string) => new URL(`./${name}`, import.meta.url).pathname;

export const TARGETS: readonly TargetKind[] = [
  { name: "Shardcast, plain", start: (channels, clients) => shardcast(channels, clients, undefined) },
  ...[0, 25, 100].map((waitMs) => ({
    name: `Shardcast, deflate, wait ${waitMs} ms`,
    start: (channels: readonly string[], clients: number) => shardcast(channels, clients, waitMs),
  })),
  {
    name: "Bun, permessage-deflate, shared",
    start: () => peer([process.execPath, script("bunServer.ts"), "shared"]),
  },
  {
    name: "Bun, permessage-deflate, a window each",
    start: () => peer([process.execPath, script("bunServer.ts"), "dedicated"]),
  },
  { name: "ws, permessage-deflate", start: () => peer([nodeProgram() ?? "node", script("wsServer.mjs")]) },
];
