import { askRedis, startRedis, type TestRedis, type TestRedisOptions } from "./redis.ts";
import { until } from "./until.ts";

export interface TestRedisSentinels {
  /** Of a bus. */
  readonly url: string;
  /** The master at the beginning, and its replica. */
  readonly master: TestRedis;
  readonly replica: TestRedis;
  readonly sentinels: readonly TestRedis[];
  stop(): Promise<void>;
}

const NAME = "main";

/** Starts a master, a replica that has all of it, and three sentinels that fail over within about three seconds. */
export async function startRedisSentinels(
  options: { readonly masterPassword?: string; readonly sentinelPassword?: string } = {},
): Promise<TestRedisSentinels> {
  const { masterPassword, sentinelPassword } = options;
  const server: TestRedisOptions = {
    config:
      masterPassword === undefined
        ? ["repl-diskless-sync-delay 0"]
        : ["repl-diskless-sync-delay 0", `requirepass ${masterPassword}`, `masterauth ${masterPassword}`],
  };
  const master = await startRedis(server);
  const replica = await startRedis({
    config: [...(server.config ?? []), `replicaof 127.0.0.1 ${master.port}`],
  });
  // One that is killed before its replica has begun to follow leaves sentinels nothing to choose.
  const login = masterPassword === undefined ? "" : `AUTH ${masterPassword}\r\n`;
  await until(async () => ((await askRedis(replica.port, `${login}ROLE`)) ?? "").includes("connected"));
  const config = [
    `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 2`,
    // Sentinels ping as often as this, at most once a second. With 500 ms they took a master that they had just connected to
    // for dead, and failed over back and forth, as long as the old one did not know that it was none any more.
    `sentinel down-after-milliseconds ${NAME} 2000`,
    `sentinel failover-timeout ${NAME} 4000`,
    ...(masterPassword === undefined ? [] : [`sentinel auth-pass ${NAME} ${masterPassword}`]),
    ...(sentinelPassword === undefined
      ? []
      : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
  ];
  const sentinels = await Promise.all([1, 2, 3].map(() => startRedis({ isSentinel: true, config })));
  const sentinelLogin = sentinelPassword === undefined ? "" : `AUTH ${sentinelPassword}\r\n`;
  for (const { port } of sentinels) {
    await until(async () =>
      knowsAll((await askRedis(port, `${sentinelLogin}SENTINEL MASTER ${NAME}`)) ?? ""),
    );
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  return {
    url: `redis+sentinel://${masterPassword === undefined ? "" : `:${masterPassword}@`}${hosts}/${NAME}`,
    master,
    replica,
    sentinels,
    stop: async () => {
      await Promise.all([...sentinels, replica, master].map(({ stop }) => stop()));
    },
  };
}

function knowsAll(answer: string): boolean {
  const count = (name: string) => new RegExp(`${name}\\r\\n\\$1\\r\\n(\\d)`).exec(answer)?.[1];
  return count("num-slaves") === "1" && count("num-other-sentinels") === "2";
}
