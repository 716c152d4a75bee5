import type { Publication } from "../publication.ts";
import type { PolicyClass, PolicyCounters } from "./policyClass.ts";
import { type Broadcast, type EnvelopeText, sendToTopics } from "./sendToTopics.ts";
import type { Topics } from "./topics.ts";

/**
 * The subscriptions with the policy `latest`. Who keeps up gets every message; who does not leaves its topics meanwhile, so
 * that there is nothing to be done here but to count what it misses.
 */
export class LatestClass implements PolicyClass {
  readonly topics: Topics;
  readonly unsentFrom = undefined;
  readonly #broadcast: Broadcast;
  readonly #counters: PolicyCounters;

  constructor(topics: Topics, broadcast: Broadcast, counters: PolicyCounters) {
    this.topics = topics;
    this.#broadcast = broadcast;
    this.#counters = counters;
  }

  publish({ channel }: Publication, text: EnvelopeText): void {
    const { topics } = this;
    this.#counters.deliveries += sendToTopics(topics, channel, text, this.#broadcast);
    if (topics.heldBack > 0) this.#counters.conflated += topics.reach(channel).heldBack;
  }
}
