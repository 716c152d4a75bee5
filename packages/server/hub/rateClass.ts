import type { Publication } from "../publication.ts";
import type { PolicyClass, PolicyCounters } from "./policyClass.ts";
import { type Broadcast, EnvelopeText, sendToTopics } from "./sendToTopics.ts";
import type { Topics } from "./topics.ts";

/**
 * All subscriptions of one rate: the newest value of each channel, at most so often. What it costs does not depend on how
 * many clients it has: they share its topics, and what is sent at one tick goes to each of them by one write.
 *
 * A channel that was silent for an interval is sent at once. While it goes on it is sent at ticks, all channels together.
 */
export class RateClass implements PolicyClass {
  readonly topics: Topics;
  readonly #intervalMs: number;
  readonly #broadcast: Broadcast;
  readonly #counters: PolicyCounters;
  readonly #schedule: Schedule;
  readonly #limits: RateClassLimits;
  readonly #text = new EnvelopeText();
  /** Channels that were sent within the last interval or two. */
  readonly #channels = new Map<string, SentChannel>();
  #waitingBytes = 0;
  #unsentFrom: number | undefined;
  #tick = 0;
  #isTicking = false;

  constructor(
    rate: number,
    topics: Topics,
    options: {
      readonly broadcast: Broadcast;
      readonly counters: PolicyCounters;
      readonly schedule?: Schedule;
      readonly limits?: RateClassLimits;
    },
  ) {
    this.topics = topics;
    this.#intervalMs = Math.ceil(1000 / rate);
    this.#broadcast = options.broadcast;
    this.#counters = options.counters;
    this.#schedule = options.schedule ?? scheduleUnreferenced;
    this.#limits = options.limits ?? LIMITS;
  }

  get unsentFrom(): number | undefined {
    return this.#unsentFrom;
  }

  publish({ channel, envelope }: Publication, text: EnvelopeText, position: number): void {
    const { topics } = this;
    if (topics.heldBack > 0) this.#counters.conflated += topics.reach(channel).heldBack;
    const sent = this.#channels.get(channel);
    if (sent === undefined) {
      const listeners = sendToTopics(topics, channel, text, this.#broadcast);
      this.#counters.deliveries += listeners;
      if (listeners > 0) this.#remember(channel);
      return;
    }
    if (sent.newest !== undefined) {
      this.#counters.conflated += topics.reach(channel).listeners;
      this.#waitingBytes -= sent.newest.length;
    } else sent.position = position;
    // A view would pin the whole frame that it was cut from until the tick.
    sent.newest = envelope.slice();
    this.#waitingBytes += envelope.length;
    this.#unsentFrom ??= position;
    if (this.#waitingBytes > this.#limits.bytesMax) this.#sendEarly();
  }

  #remember(channel: string): void {
    if (this.#channels.size >= this.#limits.channelsMax) {
      this.#counters.early += 1;
      return;
    }
    // The tick under way may come at any moment: a whole interval lies between the next one and that after it.
    const dueTick = this.#tick + (this.#isTicking ? 2 : 1);
    this.#channels.set(channel, { dueTick, newest: undefined, position: 0 });
    this.#planTick();
  }

  #planTick(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#schedule(this.#intervalMs, () => {
      this.#isTicking = false;
      this.#tick += 1;
      this.#onTick();
      // Planned from here on and not from when it was due: between two of them there is never less than an interval.
      if (this.#channels.size > 0) this.#planTick();
    });
  }

  #onTick(): void {
    let unsentFrom: number | undefined;
    for (const [channel, sent] of this.#channels) {
      if (sent.dueTick > this.#tick) {
        if (sent.newest !== undefined) unsentFrom = Math.min(unsentFrom ?? sent.position, sent.position);
      } else if (sent.newest === undefined) this.#channels.delete(channel);
      else {
        this.#send(channel, sent);
        sent.dueTick = this.#tick + 1;
      }
    }
    this.#unsentFrom = unsentFrom;
  }

  /** Too much waits here: it is better that something comes too early than that it is lost. */
  #sendEarly(): void {
    for (const [channel, sent] of this.#channels) {
      if (sent.newest === undefined) continue;
      this.#send(channel, sent);
      sent.dueTick = this.#tick + 2;
      this.#counters.early += 1;
    }
    this.#unsentFrom = undefined;
  }

  #send(channel: string, sent: SentChannel): void {
    const { newest } = sent;
    if (newest === undefined) return;
    sent.newest = undefined;
    this.#waitingBytes -= newest.length;
    this.#counters.deliveries += sendToTopics(this.topics, channel, this.#text.of(newest), this.#broadcast);
  }
}

interface SentChannel {
  /** The tick at which it may be sent again. */
  dueTick: number;
  newest: Uint8Array | undefined;
  /** Of the first value that waits: its place in history is not before this. */
  position: number;
}

export interface RateClassLimits {
  /** Of values that wait for their tick. Beyond it they are sent at once. */
  readonly bytesMax: number;
  /** Channels of one interval. Further ones are not held to the rate. */
  readonly channelsMax: number;
}

export type Schedule = (delayMs: number, fn: () => void) => void;

const LIMITS: RateClassLimits = { bytesMax: 16 << 20, channelsMax: 100_000 };

const scheduleUnreferenced: Schedule = (delayMs, fn) => {
  setTimeout(fn, delayMs).unref();
};
