import { isCovered } from "../hub/topics.ts";
import { WantedChannels } from "./wantedChannels.ts";

/** What of one subscribe request its client has seen further than this shard, as `hub.ahead` wants it: names and patterns that it listens to. */
export class SeenElsewhere {
  readonly owner: object;
  readonly #already: readonly string[];
  readonly #change: (channel: string, isPaused: boolean) => void;
  #wanted: WantedChannels;

  /** `change` takes the channel from, or gives it back to, the topic by which its messages come to the client. */
  constructor(options: {
    readonly owner: object;
    readonly asked: readonly string[];
    /** What the connection listened to before: what comes by that was not asked for. */
    readonly already: readonly string[];
    readonly change: (channel: string, isPaused: boolean) => void;
  }) {
    this.owner = options.owner;
    this.#already = options.already;
    this.#change = options.change;
    this.#wanted = new WantedChannels(options.asked, options.already);
  }

  get names(): ReadonlySet<string> {
    return this.#wanted.asked;
  }

  pause(channel: string): void {
    if (this.#wanted.wants(channel)) this.#change(channel, true);
  }

  goOn(channel: string): void {
    if (this.#wanted.wants(channel)) this.#change(channel, false);
  }

  /**
   * The client has left these topics: who joins one of them again says anew what it has seen. What a left pattern covered
   * of the others came by that pattern, and has been seen as far.
   */
  leave(left: ReadonlySet<string>, kept: readonly string[]): void {
    const own = new Set([...left].filter((name) => this.names.has(name)));
    if (own.size === 0) return;
    const asked = [...this.names].filter((name) => !own.has(name));
    const heirs = kept.filter((name) => isCovered(name, own));
    this.#wanted = new WantedChannels([...asked, ...heirs], this.#already);
  }
}
