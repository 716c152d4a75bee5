import type { Hub } from "../hub/hub.ts";
import type { Topic } from "../hub/topics.ts";
import type { Behind } from "./behind.ts";
import { CatchUp } from "./catchUp.ts";
import type { ClientSocket } from "./clientSocket.ts";
import { PacedTask } from "./pacedTask.ts";
import type { ReplayQueue } from "./replayQueue.ts";

/** Gaps that are told to a client that catches up. One that missed more is cut off: it begins anew then. */
const GAP_TEXTS_MAX = 1000;

/**
 * What of one client's subscriptions is not owed every message: `latest` and rates. When the client does not take what it is
 * sent, it leaves these topics; when it has taken all, it joins them again and gets the newest value of each channel that
 * has changed since: nothing is kept for it meanwhile, and a message costs nothing for it.
 *
 * Exact by places in history: what came before it left it has been sent, what came before it joined again the catch-up sends
 * unless something newer has come, and that is sent live. Values of a rate may wait for their tick when it leaves, so
 * for these the catch-up begins earlier: it may repeat one, and never leaves one out.
 */
export class NewestOnly {
  readonly #options: NewestOnlyOptions;
  readonly #topics = new Set<Topic>();
  #behind: Behind | undefined;
  #task: PacedTask | undefined;

  constructor(options: NewestOnlyOptions) {
    this.#options = options;
  }

  get isBehind(): boolean {
    return this.#behind !== undefined;
  }

  /** What was unsent when the client fell behind: a burst may be larger than its budget, and grows no further. */
  get burstBytes(): number {
    return this.#behind?.unsentBytes ?? 0;
  }

  listen(topic: Topic): void {
    this.#topics.add(topic);
    if (this.#behind === undefined) this.#join(topic);
    else this.#holdBack(topic, 1);
  }

  leave(topic: Topic): void {
    if (!this.#topics.delete(topic)) return;
    if (this.#behind === undefined) this.#part(topic);
    else this.#holdBack(topic, -1);
  }

  /** Looks whether the client keeps up. */
  look(): void {
    const unsentBytes = this.#options.socket.getBufferedAmount();
    if (unsentBytes > 0 && this.#behind === undefined) this.#fallBehind(unsentBytes);
    else if (unsentBytes === 0) this.#goOn();
  }

  /** The client has taken some of what was buffered for it. */
  drained(): void {
    this.#task?.drained();
    if (this.#options.socket.getBufferedAmount() === 0) this.#goOn();
  }

  closed(): void {
    this.#task?.close();
    this.#task = undefined;
    for (const topic of this.#topics) {
      if (this.#behind === undefined) topic.listeners -= 1;
      else this.#holdBack(topic, -1);
    }
    this.#topics.clear();
    this.#behind = undefined;
  }

  #fallBehind(unsentBytes: number): void {
    const { hub } = this.#options;
    if (this.#topics.size === 0) return;
    for (const topic of this.#topics) {
      this.#part(topic);
      this.#holdBack(topic, 1);
    }
    const { end, droppedLastValues } = hub.history;
    const rateFrom = hub.classes.unsentFrom(end);
    this.#behind = { unsentBytes, from: end, rateFrom, droppedLastValues, gaps: hub.recentGaps.count };
    this.#options.moved();
  }

  /** After a catch-up that is still under way: it has its own places. */
  #goOn(): void {
    const behind = this.#behind;
    if (behind === undefined || this.#task !== undefined) return;
    const { hub, socket, queue, pieceBytes, send, cutOff } = this.#options;
    const gaps = hub.missedGaps(behind.gaps, this.#topics);
    if (gaps === undefined || gaps.length > GAP_TEXTS_MAX) return cutOff();
    this.#behind = undefined;
    for (const topic of this.#topics) {
      this.#holdBack(topic, -1);
      this.#join(topic);
    }
    this.#options.moved();
    send(gaps);
    const catchUp = new CatchUp({
      history: hub.history,
      topics: [...this.#topics],
      behind,
      pieceBytes,
      send: (texts) => {
        hub.classes.counters.caughtUp += texts.length;
        send(texts);
      },
      missing: cutOff,
      finish: () => {
        this.#task?.end();
        this.#task = undefined;
        // It may have fallen behind once more meanwhile.
        if (socket.getBufferedAmount() === 0) this.#goOn();
      },
    });
    this.#task = new PacedTask(socket, { queue, work: catchUp, bufferBytes: pieceBytes });
    this.#task.step(() => false);
  }

  #holdBack(topic: Topic, change: 1 | -1): void {
    this.#options.hub.topicsOf(topic.policy).holdBack(topic, change);
  }

  #join(topic: Topic): void {
    this.#options.subscribe(topic);
    topic.listeners += 1;
  }

  #part(topic: Topic): void {
    this.#options.unsubscribe(topic);
    topic.listeners -= 1;
  }
}

export interface NewestOnlyOptions {
  readonly hub: Hub;
  readonly socket: ClientSocket;
  readonly queue: ReplayQueue;
  /** Of one piece of a catch-up. */
  readonly pieceBytes: number;
  readonly subscribe: (topic: Topic) => void;
  readonly unsubscribe: (topic: Topic) => void;
  /** It has left all of its topics, or joined them again. */
  readonly moved: () => void;
  readonly send: (texts: readonly string[]) => void;
  /** What it missed can not be told: it has to begin anew. */
  readonly cutOff: () => void;
}
