import type { ClientAddress } from "./clientAddress.ts";
import { RateLimit } from "./rateLimit.ts";
import { SecondWindow } from "./secondWindow.ts";

export interface AcceptRateOptions {
  /** Of the whole instance. */
  readonly perSecond: number;
  /** Of the whole instance, for one address. `auto`: only for addresses of the internet. 0: no limit. */
  readonly perSecondPerAddress: number | "auto";
  /** This one, of so many that share the port. */
  readonly shard: number;
  readonly shards: number;
  readonly now?: () => number;
}

/** For an address of the internet, where nothing else is said: an office of thousands is back within a minute. */
const PER_ADDRESS_AUTO = 100;
/** Addresses that one shard remembers. The one not seen for longest gives way, and may begin anew. */
const ADDRESSES_MAX = 65_536;

/**
 * How many handshakes a shard may let in: a fixed share of what the instance may, so that the shards together never take
 * more, whatever each of them knows of the others. The kernel spreads connections by a hash over addresses and ports,
 * which gives each shard about its share of every crowd, and of every address's. What a shard that is down could have
 * taken goes unused.
 */
export class AcceptRate {
  readonly #perAddress: number | "auto";
  readonly #now: () => number;
  readonly #all: SecondWindow;
  readonly #each: RateLimit;
  /** Of one address: what it may have let in at once. */
  readonly #waitingMax: number;
  /** By address: handshakes that wait for their turn. */
  readonly #waiting = new Map<string, number>();
  /** By address, that of the longest silence first. */
  readonly #addresses = new Map<string, number>();
  readonly perSecond: number;
  /** Addresses that were forgotten for room while their time still counted. */
  forgotten = 0;

  constructor({ perSecond, perSecondPerAddress, shard, shards, now }: AcceptRateOptions) {
    this.#now = now ?? (() => performance.now());
    this.#perAddress = perSecondPerAddress;
    this.perSecond = Math.floor(perSecond / shards) + (shard < perSecond % shards ? 1 : 0);
    this.#all = new SecondWindow(this.perSecond, this.#now);
    const each = (perSecondPerAddress === "auto" ? PER_ADDRESS_AUTO : perSecondPerAddress) / shards;
    this.#waitingMax = Math.max(1, Math.floor(each));
    this.#each = new RateLimit(each || 1, Math.max(1, each), this.#now);
  }

  get addresses(): number {
    // Where nobody comes any more, nothing else forgets the last who came.
    this.#forget();
    return this.#addresses.size;
  }

  /** Takes one handshake, or says which limit it is beyond. What one address asks for too much costs the others nothing. */
  take(address: ClientAddress | undefined): "address" | "instance" | undefined {
    const key = this.#isLimited(address) ? address.key : undefined;
    const own = key === undefined ? 0 : this.#each.take(this.#addresses.get(key) ?? 0);
    if (own === undefined) return "address";
    if (!this.#all.take()) return "instance";
    if (key !== undefined) this.#remember(key, own);
    return undefined;
  }

  /**
   * A place among those who wait for their turn, to be left by calling what is returned. Once places are few, undefined
   * where this address has as many as it may have let in at once: one that asks for too much would fill the room of all.
   */
  wait(address: ClientAddress | undefined, areFew: boolean): (() => void) | undefined {
    if (!this.#isLimited(address)) return NOTHING_TO_LEAVE;
    const { key } = address;
    const before = this.#waiting.get(key) ?? 0;
    if (areFew && before >= this.#waitingMax) return undefined;
    this.#waiting.set(key, before + 1);
    return () => {
      const after = (this.#waiting.get(key) ?? 0) - 1;
      if (after > 0) this.#waiting.set(key, after);
      else this.#waiting.delete(key);
    };
  }

  #isLimited(address: ClientAddress | undefined): address is ClientAddress {
    if (address === undefined || this.#perAddress === 0) return false;
    return this.#perAddress !== "auto" || !address.isPrivate;
  }

  #remember(key: string, state: number): void {
    this.#addresses.delete(key);
    this.#addresses.set(key, state);
    this.#forget();
  }

  #forget(): void {
    const nowMs = this.#now();
    for (const [oldest, until] of this.#addresses) {
      // Those whose time is over are as good as never seen.
      const isOver = until <= nowMs;
      if (!isOver && this.#addresses.size <= ADDRESSES_MAX) return;
      if (!isOver) this.forgotten += 1;
      this.#addresses.delete(oldest);
    }
  }
}

const NOTHING_TO_LEAVE = (): void => {};
