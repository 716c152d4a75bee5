/** Where a URL says that NATS is, and how to log in. */
export interface NatsTarget {
  /** TLS is demanded. Otherwise it is used where a server offers it. */
  readonly isTls: boolean;
  /** At least one. */
  readonly servers: readonly NatsServer[];
  readonly username?: string;
  readonly password?: string;
  readonly token?: string;
}

export interface NatsServer {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export type ParsedNatsUrl = { readonly target: NatsTarget } | { readonly fault: string };

type NatsLogin = Pick<NatsTarget, "username" | "password" | "token">;

/** Neither a password nor a token holds a comma, `@` or `/` as it is, so that the list can be taken apart first. */
const ENTRY =
  /^(?:(nats|tls):\/\/)?(?:([^@]*)@)?(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?$/;
const STANDARD_PORT = 4222;

/**
 * Reads `nats://[user:password@|token@]host[:port][,host[:port]…]`, the same with `tls://`. Each entry may repeat
 * scheme and login, and then they must be the same. A fault repeats nothing of the URL, which may hold a password.
 */
export function parseNatsUrl(url: string): ParsedNatsUrl {
  const scheme = /^(nats|tls):\/\//.exec(url)?.[1];
  if (scheme === undefined) return { fault: "expected nats://host:port or tls://host:port" };
  const servers: NatsServer[] = [];
  let login: string | undefined;
  for (const entry of url.replace(/\/$/, "").split(",")) {
    const match = ENTRY.exec(entry);
    const server = match === null ? undefined : serverOf(match[3] ?? match[4], match[5]);
    if (match === null || server === undefined) {
      return {
        fault: "expected host:port entries, separated by commas; write special characters of a login as %XX",
      };
    }
    if (match[1] !== undefined && match[1] !== scheme) return { fault: "it mixes nats:// and tls://" };
    if (match[2] !== undefined && login !== undefined && match[2] !== login) {
      return { fault: "it has two different logins; one must do for all servers" };
    }
    login = match[2] ?? login;
    servers.push(server);
  }
  const credentials = parseLogin(login);
  if (credentials === undefined) return { fault: "user, password or token is not well percent-encoded" };
  return { target: { isTls: scheme === "tls", servers, ...credentials } };
}

function serverOf(host: string | undefined, port: string | undefined): NatsServer | undefined {
  const number = port === undefined ? STANDARD_PORT : Number(port);
  return host !== undefined && number >= 1 && number <= 65_535 ? { host, port: number } : undefined;
}

/** What has no colon is a token. */
function parseLogin(login: string | undefined): NatsLogin | undefined {
  if (login === undefined || login === "") return {};
  const colon = login.indexOf(":");
  try {
    if (colon < 0) return { token: decodeURIComponent(login) };
    const [username, password] = [login.slice(0, colon), login.slice(colon + 1)].map(decodeURIComponent);
    return { ...(username && { username }), ...(password && { password }) };
  } catch {
    return undefined;
  }
}
