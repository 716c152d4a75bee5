import { addressBytes, addressKey } from "./ipAddress.ts";
import { Networks, PRIVATE_NETWORKS } from "./networks.ts";

export interface AddressOptions {
  /** Networks of the proxies whose word on the client's address is taken. Empty: nobody's is. */
  readonly trustedProxies: readonly string[];
  /** A proxy that passes bytes on stands in front, so that a socket's address is never the client's. */
  readonly hidden: boolean;
}

/** A client's address as far as limits are concerned. */
export interface ClientAddress {
  readonly key: string;
  /** Not of the internet: as a rule a balancer, or the operator's own. */
  readonly isPrivate: boolean;
}

/**
 * Finds the address of who wants to connect: the socket's, or where that is a trusted proxy's, what it says in
 * X-Forwarded-For. That is read from the right, because each proxy adds the address that it saw at the end, and all that
 * stands before the first one of nobody we trust may be the client's invention.
 */
export class ClientAddresses {
  readonly #trusted: Networks;
  readonly #isHidden: boolean;
  /** Handshakes by a trusted proxy that did not say for whom. */
  unnamed = 0;

  constructor({ trustedProxies, hidden }: AddressOptions) {
    this.#trusted = new Networks(trustedProxies);
    this.#isHidden = hidden;
  }

  /** Undefined where the client's own address can not be known. */
  of(socketAddress: string | undefined, headers: Headers): ClientAddress | undefined {
    if (this.#isHidden || socketAddress === undefined) return undefined;
    const socket = addressBytes(socketAddress);
    if (socket === undefined) return undefined;
    if (!this.#trusted.has(socket)) return toClientAddress(socket);
    const forwarded = this.#forwarded(headers.get("x-forwarded-for"));
    if (forwarded !== undefined) return toClientAddress(forwarded);
    this.unnamed += 1;
    return undefined;
  }

  #forwarded(header: string | null): Uint8Array | undefined {
    let leftmost: Uint8Array | undefined;
    for (const entry of (header ?? "").split(",").slice(-HOPS_MAX).reverse()) {
      const address = addressBytes(withoutPort(entry.trim()));
      // What a trusted proxy wrote is no address, so whom it speaks of is not known.
      if (address === undefined) return undefined;
      if (!this.#trusted.has(address)) return address;
      leftmost = address;
    }
    return leftmost;
  }
}

/** More proxies than this stand in front of nobody. */
const HOPS_MAX = 32;

/** Some proxies add the port, and brackets around IPv6 then. */
function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(entry)?.[1];
  if (bracketed !== undefined) return bracketed;
  return /^[\d.]+:\d{1,5}$/.test(entry) ? (entry.split(":", 1)[0] ?? entry) : entry;
}

function toClientAddress(bytes: Uint8Array): ClientAddress {
  return { key: addressKey(bytes), isPrivate: PRIVATE_NETWORKS.has(bytes) };
}
