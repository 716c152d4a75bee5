import { type GroupCounters, Groups } from "./groups.ts";
import { Packer, type PackerCounters } from "./packer.ts";
import { Seat } from "./seat.ts";

const TURN_MS_MAX = 5;

export interface DeflateOptions {
  /** 1 (fast) to 12 (small). */
  readonly level: number;
  /** Bytes that one frame may hold, uncompressed; a larger message stands alone in its frame. */
  readonly frameBytesMax: number;
  /** Topics, added up over all groups of clients that listen to the same. */
  readonly membershipsMax: number;
  /** How long a message may wait for others that then come in the same frame, in ms. */
  readonly waitMsMax: number;
  /** Where packing saves fewer bytes, messages go plain. Default 64. */
  readonly savedBytesMin?: number;
  /** What compressing live messages may take of one turn of the event loop, in ms; what is beyond that goes plain. Default 5. */
  readonly turnMsMax?: number;
}

/** `encoding=deflate` in a handshake's query: of several, separated by commas, the first that is known counts. */
export function asksForDeflate(query: URLSearchParams): boolean {
  return query.get("encoding")?.split(",").includes("deflate") === true;
}

/** A shard's clients that take deflated frames. */
export class Deflate {
  /** Clients of the kind that are connected. */
  clients = 0;
  readonly #groups: Groups;
  readonly #live: Packer;
  readonly #replays: Packer;
  readonly #frameBytesMax: number;

  constructor(options: DeflateOptions, send: (topic: string, data: string | Uint8Array) => void) {
    const { level, frameBytesMax, membershipsMax, waitMsMax, savedBytesMin } = options;
    const { turnMsMax = TURN_MS_MAX } = options;
    const now = () => performance.now();
    this.#live = new Packer({ level, savedBytesMin, turnMsMax, now });
    // Replays have their share of each turn already, with all that they do (`ReplayQueue`).
    this.#replays = new Packer({ level, savedBytesMin, turnMsMax: Number.POSITIVE_INFINITY, now });
    this.#frameBytesMax = frameBytesMax;
    this.#groups = new Groups({
      ...{ packer: this.#live, send, frameBytesMax, membershipsMax, waitMsMax, now },
      schedule: (delayMs, fn) => {
        const timer = setTimeout(fn, delayMs);
        return () => clearTimeout(timer);
      },
    });
  }

  /** For a client that has come. It takes its seat in a group when it subscribes. */
  seat(): Seat {
    return new Seat(this.#groups, (texts) => this.#framesOf(texts));
  }

  publish(topic: string, text: string): void {
    if (this.#groups.size > 0) this.#groups.publish(topic, text);
  }

  close(): void {
    this.#groups.close();
  }

  get stats(): DeflateStats {
    const { counters, size } = this.#groups;
    return { groups: counters, size, live: this.#live.counters, replays: this.#replays.counters };
  }

  /** What is sent to one client alone, in frames. */
  *#framesOf(texts: readonly string[]): Iterable<string | Uint8Array> {
    for (let from = 0; from < texts.length; ) {
      let bytes = 0;
      let to = from;
      for (; to < texts.length; to++) {
        const more = Buffer.byteLength(texts[to] ?? "");
        if (to > from && bytes + more > this.#frameBytesMax) break;
        bytes += more;
      }
      const part = texts.slice(from, to);
      const packed = this.#replays.pack(part, bytes);
      if (packed === "plain") yield* part;
      else yield packed;
      from = to;
    }
  }
}

export interface DeflateStats {
  readonly groups: GroupCounters;
  /** Groups that there are. */
  readonly size: number;
  readonly live: PackerCounters;
  readonly replays: PackerCounters;
}
