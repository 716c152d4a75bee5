import { isCovered } from "../hub/topics.ts";

/**
 * The channels that a request asks for and its connection does not get already. Whether a channel is one of them costs a
 * look-up for each of its segments, however many names and patterns there are.
 */
export class WantedChannels {
  /** Plain channels and patterns of which none covers another, so that each channel is found by one of them alone. */
  readonly names: readonly string[];
  readonly patterns: readonly string[];
  /** All that was asked for. */
  readonly asked: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;
  readonly #patterns: ReadonlySet<string>;
  readonly #already: ReadonlySet<string>;

  /** `already` are the names and patterns that the connection listens to. */
  constructor(asked: readonly string[], already: readonly string[]) {
    this.#already = new Set(already);
    this.asked = new Set(asked);
    const patterns = new Set(asked.filter((name) => name.endsWith(".*")));
    const isNew = (name: string) => !(this.#has(name) || isCovered(name, patterns));
    this.patterns = [...patterns].filter(isNew);
    this.names = [...this.asked].filter((name) => !patterns.has(name) && isNew(name));
    this.#patterns = new Set(this.patterns);
    this.#names = new Set(this.names);
  }

  get isEmpty(): boolean {
    return this.names.length === 0 && this.patterns.length === 0;
  }

  wants(channel: string): boolean {
    return (this.#names.has(channel) || isCovered(channel, this.#patterns)) && !this.#has(channel);
  }

  /** Whether a channel that one of `patterns` covers is wanted. */
  wantsCovered(channel: string): boolean {
    return !this.#has(channel);
  }

  #has(name: string): boolean {
    // Names and patterns look different, so that one set holds both.
    return this.#already.size > 0 && (this.#already.has(name) || isCovered(name, this.#already));
  }
}
