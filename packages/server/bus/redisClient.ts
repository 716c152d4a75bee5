import { createClient } from "redis";
import type { RedisHost } from "./redisUrl.ts";

export interface RedisClientOptions {
  readonly host: RedisHost;
  readonly isTls: boolean;
  /** PEM. Absent: the authorities that the runtime knows. */
  readonly ca?: string | undefined;
  /** The certificate's names are not compared with the host: `ca` signs for this one server alone. */
  readonly tlsAnyName?: boolean | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export type RedisClient = ReturnType<typeof newClient>;

/**
 * One connection, that ends for good when it is lost or `signal` is aborted: whoever needs it opens another. `onLost`
 * may be called more than once, and is called for every fault, also while it opens.
 */
export async function openRedisClient(
  options: RedisClientOptions,
  signal: AbortSignal,
  onLost: (error: Error) => void,
): Promise<RedisClient> {
  signal.throwIfAborted();
  const client = newClient(options, signal);
  // Without this listener an error would end the process.
  client.on("error", onLost);
  signal.addEventListener("abort", () => client.destroy(), { once: true });
  await client.connect();
  return client;
}

function newClient(options: RedisClientOptions, signal: AbortSignal) {
  const { host, username, password } = options;
  return createClient({
    // Two connections are used, so that nothing of RESP3 is needed, and no command beyond AUTH to open one.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: "disabled",
    disableOfflineQueue: true,
    // A timer for each command would cost more than the command.
    commandOptions: { timeout: 0 },
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    socket: {
      host: host.host,
      port: host.port,
      reconnectStrategy: false,
      connectTimeout: 0,
      // `destroy` does not end a socket that is still connecting.
      signal,
      ...tlsOptions(options),
    },
  });
}

function tlsOptions({ isTls, ca, tlsAnyName = false }: RedisClientOptions) {
  if (!isTls) return {};
  return {
    tls: true as const,
    ...(ca !== undefined && { ca }),
    ...(tlsAnyName && { checkServerIdentity: () => undefined }),
  };
}
