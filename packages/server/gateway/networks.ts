import { addressBytes, isIpv4 } from "./ipAddress.ts";

/** Networks in CIDR notation (`10.0.0.0/8`, `fd00::/8`), or single addresses. */
export class Networks {
  readonly #networks: readonly Network[];

  /** Throws a `TypeError` where one of them is none; the configuration has refused those before. */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map((text) => {
      const network = parseNetwork(text);
      if (network === undefined) throw new TypeError(`no network: ${text}`);
      return network;
    });
  }

  has(address: Uint8Array): boolean {
    return this.#networks.some(({ bytes, bits }) => agree(bytes, address, bits));
  }
}

/** What is wrong with a network, or undefined. */
export function networkFault(text: string): string | undefined {
  return parseNetwork(text) === undefined
    ? `${text.slice(0, 100)} is no address and no network such as 10.0.0.0/8 or fd00::/8`
    : undefined;
}

/** Not of the internet: this machine, a network of one's own, and what carriers put between (RFC 1918, 4193, 4291, 6598). */
export const PRIVATE_NETWORKS = new Networks([
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["::1", "fc00::/7", "fe80::/10"],
]);

interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

function parseNetwork(text: string): Network | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const bytes = addressBytes(address);
  if (bytes === undefined || rest.length > 0) return undefined;
  if (length === undefined) return { bytes, bits: 128 };
  if (!/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length) + (isIpv4(bytes) && !address.includes(":") ? 96 : 0);
  return bits > 128 ? undefined : { bytes, bits };
}

function agree(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (a[at] !== b[at]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole] ?? 0) >> (8 - rest) === (b[whole] ?? 0) >> (8 - rest);
}
