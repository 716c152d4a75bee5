import type { History } from "../hub/history.ts";
import type { Topic } from "../hub/topics.ts";
import type { Behind } from "./behind.ts";
import { LastValues } from "./lastValues.ts";
import type { PacedWork } from "./pacedTask.ts";

export interface CatchUpOptions {
  readonly history: History;
  /** What the client listens to again by now. */
  readonly topics: readonly Topic[];
  readonly behind: Behind;
  /** Bytes of one piece. */
  readonly pieceBytes: number;
  readonly send: (texts: readonly string[]) => void;
  /** In place of `finish`: a newest value is not kept any more. */
  readonly missing: () => void;
  readonly finish: () => void;
}

/** Sends a client that has fallen behind the newest value of each of its channels that has changed since, piece by piece. */
export class CatchUp implements PacedWork {
  readonly cursors = 0;
  readonly #options: CatchUpOptions;
  readonly #parts: LastValues[];
  #isMissing = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    const { topics, behind } = options;
    const latest = topics.filter(({ policy }) => policy === "latest");
    const rated = topics.filter(({ policy }) => policy !== "latest");
    this.#parts = [this.#part(latest, behind.from), this.#part(rated, behind.rateFrom)];
  }

  advance(): boolean {
    const [part] = this.#parts;
    if (part?.advance() === true) return true;
    this.#parts.shift();
    if (this.#parts.length > 0) return true;
    const { topics, missing, finish } = this.#options;
    const hasPattern = topics.some(({ prefix }) => prefix !== undefined);
    if (this.#isMissing || (hasPattern && this.#haveValuesGone)) missing();
    else finish();
    return false;
  }

  release(): void {}

  close(): void {}

  #part(topics: readonly Topic[], from: number): LastValues {
    const { history, pieceBytes, send } = this.#options;
    return new LastValues({
      history,
      names: topics.map(({ name }) => name),
      pieceBytes,
      send,
      finish: () => {},
      since: {
        from,
        missing: () => {
          this.#isMissing = true;
        },
        // As a rule a channel that has never had a message.
        absent: () => {
          this.#isMissing ||= this.#haveValuesGone;
        },
      },
    });
  }

  /** Of some channels; nobody knows of which. */
  get #haveValuesGone(): boolean {
    return this.#options.history.droppedLastValues !== this.#options.behind.droppedLastValues;
  }
}
