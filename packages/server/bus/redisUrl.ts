/** Where a URL says that Redis is, and how to log in. */
export interface RedisTarget {
  readonly isTls: boolean;
  /** Redis itself; with `masterName` its sentinels. At least one. */
  readonly hosts: readonly RedisHost[];
  /** Under which name the sentinels know the master. Absent: `hosts` has the server itself. */
  readonly masterName?: string;
  readonly username?: string;
  readonly password?: string;
}

export interface RedisHost {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export type ParsedRedisUrl = { readonly target: RedisTarget } | { readonly fault: string };

const URL_PARTS = /^(rediss?)(\+sentinel)?:\/\/(?:([^@]*)@)?([^/?#@]*)(\/[^?#]*)?([?#].*)?$/s;
const HOST = /^(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?$/;
const MASTER_NAME = /^[A-Za-z0-9._-]{1,255}$/;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/**
 * Reads `redis://[user:password@]host[:port]`, the same with `rediss://` for TLS, and
 * `redis+sentinel://[user:password@]host[:port],…/master-name`. A fault repeats nothing of the URL, which may hold a
 * password.
 */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const [, scheme, sentinel, login, authority = "", path = "", rest] = URL_PARTS.exec(url) ?? [];
  if (scheme === undefined) {
    return { fault: "expected redis://host:port; write special characters of user and password as %XX" };
  }
  if (rest !== undefined) return { fault: "it takes no parameters" };
  const hosts: RedisHost[] = [];
  for (const written of authority.split(",")) {
    const host = parseHost(written, sentinel === undefined ? REDIS_PORT : SENTINEL_PORT);
    if (host === undefined) return { fault: "expected a host, or host:port, after `//`" };
    hosts.push(host);
  }
  const credentials = parseLogin(login);
  if (credentials === undefined) return { fault: "user or password is not well percent-encoded" };
  const target = { isTls: scheme === "rediss", hosts, ...credentials };
  if (sentinel === undefined) {
    const fault = plainFault(hosts, path);
    return fault === undefined ? { target } : { fault };
  }
  const masterName = path.slice(1);
  if (!MASTER_NAME.test(masterName)) {
    return { fault: "the sentinels' name of the master belongs after the hosts, as in /mymaster" };
  }
  return { target: { ...target, masterName } };
}

function plainFault(hosts: readonly RedisHost[], path: string): string | undefined {
  if (hosts.length > 1) return "it takes one host; several are sentinels, of redis+sentinel://";
  // Taken in silence, a number would look as if it kept clusters apart.
  if (!["", "/", "/0"].includes(path)) {
    return "Pub/Sub knows no database numbers; clusters are kept apart by --bus-prefix";
  }
  return undefined;
}

function parseHost(written: string, standardPort: number): RedisHost | undefined {
  const [whole, address, name, port] = HOST.exec(written) ?? [];
  const host = address ?? name;
  if (whole === undefined || host === undefined) return undefined;
  const number = port === undefined ? standardPort : Number(port);
  return number >= 1 && number <= 65_535 ? { host, port: number } : undefined;
}

function parseLogin(login: string | undefined): Pick<RedisTarget, "username" | "password"> | undefined {
  if (login === undefined || login === "") return {};
  const colon = login.indexOf(":");
  const [user, secret] = colon < 0 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  try {
    const [username, password] = [decodeURIComponent(user), decodeURIComponent(secret)];
    return { ...(username !== "" && { username }), ...(password !== "" && { password }) };
  } catch {
    return undefined;
  }
}
