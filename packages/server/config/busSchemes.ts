import { parseNatsUrl } from "../bus/natsUrl.ts";
import { parseRedisUrl } from "../bus/redisUrl.ts";

/** What `--bus` can name. A driver adds its scheme here, and its constructor where the process is composed. */
const BUS_SCHEMES: Readonly<Record<string, BusScheme>> = {
  "local:": {
    example: "local:",
    check: (url) => (url === "local:" ? undefined : "`local:` takes nothing after it"),
  },
  "redis:": redis("redis://host:6379"),
  "rediss:": redis("rediss://host:6379"),
  "redis+sentinel:": redis("redis+sentinel://host1:26379,host2:26379/master-name"),
  "rediss+sentinel:": redis("rediss+sentinel://host1:26379,host2:26379/master-name"),
  "nats:": nats("nats://host1:4222,host2:4222"),
  "tls:": nats("tls://host1:4222,host2:4222"),
};

interface BusScheme {
  readonly example: string;
  /** Says what is wrong with a URL of this scheme. */
  readonly check: (url: string) => string | undefined;
}

function redis(example: string): BusScheme {
  return {
    example,
    check: (url) => {
      const parsed = parseRedisUrl(url);
      return "fault" in parsed ? parsed.fault : undefined;
    },
  };
}

function nats(example: string): BusScheme {
  return {
    example,
    check: (url) => {
      const parsed = parseNatsUrl(url);
      return "fault" in parsed ? parsed.fault : undefined;
    },
  };
}

export function busUrlFault(url: string): string | undefined {
  const scheme = /^[a-z][a-z0-9+.-]*:/.exec(url)?.[0];
  const supported = Object.values(BUS_SCHEMES)
    .map((known) => known.example)
    .join(", ");
  if (scheme === undefined) return `it has no scheme; supported: ${supported}`;
  const known = Object.hasOwn(BUS_SCHEMES, scheme) ? BUS_SCHEMES[scheme] : undefined;
  return known === undefined ? `\`${scheme}\` is not supported; supported: ${supported}` : known.check(url);
}

/** Whether an authority for certificates can mean something to the bus. */
export function canBusEncrypt(url: string): boolean {
  return !/^(?:local|redis(?:\+sentinel)?):/.test(url);
}

/** Whether the bus knows tokens and credentials. */
export function isNatsBus(url: string): boolean {
  return /^(?:nats|tls):/.test(url);
}

/** Whether the URL itself says who logs in. */
export function hasBusLogin(url: string): boolean {
  return /^[^/]*\/\/[^@]+@/s.test(url);
}

/** Whether a bus carries messages between instances. */
export function isSharedBus(url: string): boolean {
  return !url.startsWith("local:");
}
