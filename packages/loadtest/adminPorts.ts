import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** The admin port of one instance. */
export interface AdminPort {
  readonly url: string;
  /** Host and port by which it was named, where `url` has the address of one of several that share the name. */
  readonly host?: string;
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

export type Resolve = (name: string) => Promise<readonly Address[]>;

const resolveAll: Resolve = (name) => lookup(name, { all: true });

/**
 * Each instance behind an address. The name of a compose service or of a headless service in Kubernetes stands for all of its
 * instances, and a request to it would reach any one of them. Rejects where the name is not known.
 */
export async function adminPortsOf(admin: string, resolve: Resolve = resolveAll): Promise<AdminPort[]> {
  const url = new URL(admin);
  if (isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0) return [{ url: admin }];
  const found = await resolve(url.hostname);
  // An instance that listens on both families has an address of each: it is still one.
  const family = found[0]?.family;
  const addresses = [
    ...new Set(found.filter((each) => each.family === family).map(({ address }) => address)),
  ];
  if (addresses.length < 2) return [{ url: admin }];
  return addresses.sort().map((address) => {
    const own = new URL(admin);
    own.hostname = family === 6 ? `[${address}]` : address;
    // As it would be written by hand: it is the name of the instance in reports.
    return { url: own.href.replace(/\/$/, ""), host: url.host };
  });
}
