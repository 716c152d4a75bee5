import { patternsOf } from "@shardcast/protocol/channel";

/** What one client may subscribe to, and until when. All anonymous clients of a shard share one. */
export class Grant {
  /** The token's `sub`; undefined for an anonymous client, and for a token without one. */
  readonly subject: string | undefined;
  /** In ms since 1970; undefined where the grant does not end. */
  readonly expiresAtMs: number | undefined;
  readonly #names: ReadonlySet<string>;

  /** `names` are channels, patterns such as `BTC.*`, and `*`, which stands for everything. */
  constructor(names: Iterable<string>, subject?: string, expiresAtMs?: number) {
    this.#names = new Set(names);
    this.subject = subject;
    this.expiresAtMs = expiresAtMs;
  }

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Whether all that `name` (a channel or a pattern) stands for is granted: a pattern needs one as broad as itself. */
  allows(name: string): boolean {
    if (this.#names.has(name) || this.#names.has("*")) return true;
    return patternsOf(name).some((pattern) => this.#names.has(pattern));
  }
}
