import type { ChannelHistory, History } from "../hub/history.ts";
import type { PacedWork } from "./pacedTask.ts";
import { WantedChannels } from "./wantedChannels.ts";

/** Channels that one step looks at. */
const CHANNELS_MAX = 1024;

/** Every envelope begins so (`source/envelope.ts`): a last value gets its mark here, without parsing it. */
const MESSAGE_HEAD = '{"type":"message",';
const SNAPSHOT_HEAD = '{"type":"message","snapshot":true,';

export interface LastValuesOptions {
  readonly history: History;
  /** Names and patterns that the connection listens to by now. */
  readonly names: readonly string[];
  /** Bytes of one piece. */
  readonly pieceBytes: number;
  readonly send: (texts: readonly string[]) => void;
  readonly finish: () => void;
  /** Only what has changed since a place in history, and as a message like any other. Absent: everything, as snapshots. */
  readonly since?: {
    readonly from: number;
    /** A channel's last value is not kept. */
    readonly missing: () => void;
    /** There is no such channel. */
    readonly absent: () => void;
  };
}

/**
 * Sends the last values of channels as they were when this was made. A channel that had a message since then is left out:
 * its client listens already and has got that one, and an older one must not come after it.
 */
export class LastValues implements PacedWork {
  readonly cursors = 0;
  readonly #options: LastValuesOptions;
  readonly #end: number;
  readonly #names: readonly string[];
  readonly #patterns: readonly string[];
  #nextName = 0;
  #nextPattern = 0;
  /** The next one, where its last value had no room in the piece before. */
  #held: ChannelHistory | undefined;
  /** The last channel of the pattern that was looked at. */
  #after: string | undefined;

  constructor(options: LastValuesOptions) {
    this.#options = options;
    this.#end = options.history.end;
    ({ names: this.#names, patterns: this.#patterns } = new WantedChannels(options.names, []));
  }

  advance(): boolean {
    const texts: string[] = [];
    let bytes = 0;
    let looked = 0;
    let isDone = true;
    for (const channel of this.#channels()) {
      const text = this.#textOf(channel);
      if (
        looked++ === CHANNELS_MAX ||
        (bytes > 0 && bytes + (text?.length ?? 0) > this.#options.pieceBytes)
      ) {
        this.#held = channel;
        isDone = false;
        break;
      }
      if (text === undefined) continue;
      texts.push(text);
      bytes += text.length;
    }
    this.#options.send(texts);
    if (isDone) this.#options.finish();
    return !isDone;
  }

  release(): void {}

  close(): void {}

  /** Goes on behind the last channel that it gave. */
  *#channels(): Generator<ChannelHistory, void> {
    const { history } = this.#options;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) yield held;
    while (this.#nextName < this.#names.length) {
      const channel = history.channel(this.#names[this.#nextName++] ?? "");
      if (channel !== undefined) yield channel;
      else this.#options.since?.absent();
    }
    for (; this.#nextPattern < this.#patterns.length; this.#nextPattern++, this.#after = undefined) {
      const prefix = this.#patterns[this.#nextPattern]?.slice(0, -1) ?? "";
      for (const channel of history.channelsWithPrefix(prefix, this.#after)) {
        this.#after = channel.name;
        yield channel;
      }
    }
  }

  #textOf(channel: ChannelHistory): string | undefined {
    const { history, since } = this.#options;
    if (channel.lastPosition >= this.#end) return undefined;
    // One that was too large to be kept has no place.
    if (since !== undefined && channel.lastPosition < since.from && !channel.newestIsMissing)
      return undefined;
    const envelope = history.lastValue(channel.name);
    if (envelope === undefined) {
      since?.missing();
      return undefined;
    }
    if (since !== undefined) return decoder.decode(envelope);
    return `${SNAPSHOT_HEAD}${decoder.decode(envelope).slice(MESSAGE_HEAD.length)}`;
  }
}

const decoder = new TextDecoder();
