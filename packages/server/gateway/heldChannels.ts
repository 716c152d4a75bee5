import { patternsOf } from "@shardcast/protocol/channel";
import { isCovered } from "../hub/topics.ts";

/**
 * What patterns are asked for over, and their connection has already. What came of that is not sent once more, and what came
 * before the connection had it is not sent either: it would come after newer messages of its channel. So whoever asks for such
 * a pattern is told where there is something.
 */
export class HeldChannels {
  /** The place in history behind all that came before the request. */
  readonly end: number;
  /** Of what is asked for, the patterns that do not bring all that came. */
  readonly lacking = new Set<string>();
  readonly #asked: ReadonlySet<string>;

  private constructor(asked: ReadonlySet<string>, end: number) {
    this.#asked = asked;
    this.end = end;
  }

  /** Undefined where nothing of `already` is covered by what is asked for, as nearly always. */
  static of(asked: readonly string[], already: readonly string[], end: number): HeldChannels | undefined {
    const names = new Set(asked);
    return already.some((name) => isCovered(name, names)) ? new HeldChannels(names, end) : undefined;
  }

  /** Something has come of a channel that the connection has already, or that is not asked for. */
  note(channel: string): void {
    for (const pattern of patternsOf(channel)) if (this.#asked.has(pattern)) this.lacking.add(pattern);
  }
}
