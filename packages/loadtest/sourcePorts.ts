/** Below it are the ports of servers; a port that one of them holds on all addresses is passed over all the same. */
const FIRST_PORT = 10_000;
const LAST_PORT = 65_535;

/**
 * Local addresses and ports to connect from, each port once before any comes again. Chosen here and not by the kernel:
 * asked to bind an address to any port, it tries one after the other from a random one on, and only every second one. With
 * some 7,000 of them taken that costs each connection a millisecond and more of system time, and handshakes time out.
 */
export class SourcePorts {
  readonly #addresses: readonly string[];
  #turn: number;

  /** `addresses` are used by nobody else. Beginning at random passes by the ports that an earlier run left in TIME_WAIT. */
  constructor(addresses: readonly string[], random: () => number) {
    this.#addresses = addresses;
    this.#turn = Math.floor(random() * (LAST_PORT - FIRST_PORT));
  }

  /** undefined where there are no addresses: the kernel chooses both. */
  next(): SourcePort | undefined {
    const { length } = this.#addresses;
    if (length === 0) return undefined;
    const turn = this.#turn++;
    const localPort = FIRST_PORT + (Math.floor(turn / length) % (LAST_PORT - FIRST_PORT + 1));
    return { localAddress: this.#addresses[turn % length] as string, localPort };
  }
}

export interface SourcePort {
  readonly localAddress: string;
  readonly localPort: number;
}

/** Whether there are addresses to choose from: only Linux has all of 127.x, others have 127.0.0.1 alone. */
export function isOwnLoopback(urls: readonly string[], platform: string): boolean {
  return platform === "linux" && urls.every((url) => /^127\./.test(new URL(url).hostname));
}

/** Of loopback's own 16 million: another 127.x for each run, so that its predecessor's closed connections are not in the way. */
export function loopbackAddresses(random: () => number): (generator: number) => readonly string[] {
  const second = 16 + Math.floor(random() * 200);
  return (generator) =>
    Array.from({ length: ADDRESSES_PER_GENERATOR }, (_, at) => `127.${second}.${generator + 1}.${at + 1}`);
}

/** Clients that leave hold their port for a minute more. */
const ADDRESSES_PER_GENERATOR = 4;
