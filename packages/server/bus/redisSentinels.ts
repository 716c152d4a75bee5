import { openRedisClient, type RedisClient, type RedisClientOptions } from "./redisClient.ts";
import type { RedisHost } from "./redisUrl.ts";
import type { Timing } from "./timing.ts";

export interface RedisSentinelsOptions extends Omit<RedisClientOptions, "host"> {
  readonly hosts: readonly RedisHost[];
  readonly masterName: string;
  /** A sentinel that has not answered by then is left out, in ms. */
  readonly timeoutMs: number;
  readonly timing: Timing;
}

interface Answer {
  readonly master: RedisHost;
  /** Counts failovers. */
  readonly epoch: number;
}

/**
 * Asks sentinels who the master is. The answer of the latest failover counts, once a majority has answered or no more
 * answers come: a sentinel that was cut off still names the master of before. Connections are kept, for the bus asks
 * again and again.
 */
export class RedisSentinels {
  readonly #sentinels: readonly Sentinel[];

  constructor(options: RedisSentinelsOptions) {
    this.#sentinels = options.hosts.map((host) => new Sentinel({ ...options, host }));
  }

  /** Rejects where no sentinel knows a master. */
  master(): Promise<RedisHost> {
    const { promise, resolve, reject } = Promise.withResolvers<RedisHost>();
    const answers: Answer[] = [];
    const faults: string[] = [];
    const settle = (): void => {
      const [latest] = answers.toSorted((a, b) => b.epoch - a.epoch);
      const isMajority = answers.length * 2 > this.#sentinels.length;
      const isAll = answers.length + faults.length === this.#sentinels.length;
      if (latest !== undefined && (isMajority || isAll)) resolve(latest.master);
      else if (isAll) reject(new Error(`no sentinel names a master: ${[...new Set(faults)].join(", ")}`));
    };
    for (const sentinel of this.#sentinels) {
      sentinel.ask().then(
        (answer) => {
          answers.push(answer);
          settle();
        },
        (error: unknown) => {
          faults.push(error instanceof Error ? error.message : String(error));
          settle();
        },
      );
    }
    return promise;
  }

  /** Ends all connections; what is being asked rejects. */
  close(): void {
    for (const sentinel of this.#sentinels) sentinel.forget(new Error("closed"));
  }
}

type SentinelOptions = Omit<RedisSentinelsOptions, "hosts"> & { readonly host: RedisHost };

class Sentinel {
  readonly #options: SentinelOptions;
  #connection: { readonly life: AbortController; readonly client: Promise<RedisClient> } | undefined;

  constructor(options: SentinelOptions) {
    this.#options = options;
  }

  async ask(): Promise<Answer> {
    this.#connection ??= this.#connect();
    const { life, client } = this.#connection;
    const fail = (error: Error): void => this.#end(life, error);
    const cancel = this.#options.timing.schedule(this.#options.timeoutMs, () =>
      fail(new Error(`a sentinel has not answered within ${this.#options.timeoutMs} ms`)),
    );
    try {
      return await this.#question(await client);
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
      throw life.signal.reason;
    } finally {
      cancel();
    }
  }

  forget(reason: Error): void {
    if (this.#connection !== undefined) this.#end(this.#connection.life, reason);
  }

  #end(life: AbortController, reason: Error): void {
    if (this.#connection?.life === life) this.#connection = undefined;
    life.abort(reason);
  }

  #connect() {
    const life = new AbortController();
    // Sentinels are often left open where Redis is not, and one without a password refuses to be given one.
    const open = { ...this.#options, username: undefined, password: undefined };
    const client = openRedisClient(open, life.signal, (error) => this.#end(life, error)).then((opened) =>
      this.#logIn(opened),
    );
    // Whoever asks learns of it.
    client.catch(() => {});
    return { life, client };
  }

  async #logIn(client: RedisClient): Promise<RedisClient> {
    const { username, password } = this.#options;
    try {
      await this.#question(client);
    } catch (error) {
      if (password === undefined || !isAuthenticationMissing(error)) throw error;
      await client.sendCommand(["AUTH", ...(username === undefined ? [] : [username]), password]);
    }
    return client;
  }

  async #question(client: RedisClient): Promise<Answer> {
    const name = this.#options.masterName;
    // The first changes as soon as the new master is chosen, the second when all know it: they are not the same.
    const [address, properties] = await Promise.all([
      client.sendCommand<unknown>(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]),
      client.sendCommand<unknown>(["SENTINEL", "MASTER", name]),
    ]);
    const [host, port] = texts(address);
    if (host === undefined || port === undefined) throw new Error(`no master of the name ${name} is known`);
    const names = texts(properties);
    return {
      master: { host, port: Number(port) },
      epoch: Number(names[names.indexOf("config-epoch") + 1] ?? 0),
    };
  }
}

function isAuthenticationMissing(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOAUTH");
}

function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
