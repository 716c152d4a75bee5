import { patternsOf } from "@shardcast/protocol/channel";
import { isCovered } from "../hub/topics.ts";

/**
 * What is asked for and its connection has already, by the same name or another one. What came of that is not sent once more, and
 * what came before the connection had it is not sent either: it would come after newer messages of its channel. So whoever asks for
 * it is told where there is something.
 */
export class HeldChannels {
  /** What is asked for and had as a whole: plain channels, and patterns. */
  readonly names: readonly string[];
  readonly patterns: readonly string[];
  /** The place in history behind all that came before the request. */
  readonly end: number;
  /** Of what is asked for, that of which not all is sent. */
  readonly lacking = new Set<string>();
  readonly #asked: ReadonlySet<string>;

  private constructor(asked: ReadonlySet<string>, had: readonly string[], end: number) {
    this.#asked = asked;
    this.patterns = had.filter((name) => name.endsWith(".*"));
    this.names = had.filter((name) => !name.endsWith(".*"));
    this.end = end;
  }

  /** Undefined where nothing of `already` is asked for, as nearly always. */
  static of(asked: readonly string[], already: readonly string[], end: number): HeldChannels | undefined {
    const wished = new Set(asked);
    const names = new Set(already);
    const had = [...wished].filter((name) => names.has(name) || isCovered(name, names));
    const isAny = had.length > 0 || already.some((name) => isCovered(name, wished));
    return isAny ? new HeldChannels(wished, had, end) : undefined;
  }

  /** Something has come of a channel that the connection has already, or that is not asked for. */
  note(channel: string): void {
    for (const name of [channel, ...patternsOf(channel)]) if (this.#asked.has(name)) this.lacking.add(name);
  }
}
