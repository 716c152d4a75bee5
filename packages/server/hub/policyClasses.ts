import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import type { Publication } from "../publication.ts";
import { LatestClass } from "./latestClass.ts";
import type { PolicyClass, PolicyCounters } from "./policyClass.ts";
import { RateClass } from "./rateClass.ts";
import type { Broadcast, EnvelopeText } from "./sendToTopics.ts";
import type { SubscriptionRoom } from "./subscriptionRoom.ts";
import { type Topic, Topics } from "./topics.ts";

/** The subscriptions that are not owed every message: `latest`, and one class for each rate that somebody asks for. */
export class PolicyClasses {
  readonly counters: PolicyCounters = { deliveries: 0, conflated: 0, caughtUp: 0, early: 0 };
  readonly #classes = new Map<SubscriptionPolicy, PolicyClass>();
  readonly #room: SubscriptionRoom;
  readonly #broadcast: Broadcast;

  constructor(room: SubscriptionRoom, broadcast: Broadcast) {
    this.#room = room;
    this.#broadcast = broadcast;
  }

  /** False as long as nobody has ever asked for one: then a message costs nothing here. */
  get areUsed(): boolean {
    return this.#classes.size > 0;
  }

  /** Names that clients subscribe to. */
  get topicCount(): number {
    let count = 0;
    for (const { topics } of this.#classes.values()) count += topics.size;
    return count;
  }

  /** At most one class for each rate that is served, so that there are never more than a few. */
  topics(policy: "latest" | number): Topics {
    const known = this.#classes.get(policy);
    if (known !== undefined) return known.topics;
    const { counters } = this;
    const broadcast = this.#broadcast;
    const created =
      policy === "latest"
        ? new LatestClass(new Topics(policy, this.#room), broadcast, counters)
        : new RateClass(policy, new Topics(policy, this.#room), { broadcast, counters });
    this.#classes.set(policy, created);
    return created.topics;
  }

  /** The publication's place in history is not before `position`. */
  publish(publication: Publication, text: EnvelopeText, position: number): void {
    for (const each of this.#classes.values()) {
      if (each.topics.size > 0) each.publish(publication, text, position);
    }
  }

  /** No value that waits for its tick has its place in history before this; `end` where none waits. */
  unsentFrom(end: number): number {
    let from = end;
    for (const { unsentFrom } of this.#classes.values()) from = Math.min(from, unsentFrom ?? end);
    return from;
  }

  *values(): Iterable<Topic> {
    for (const { topics } of this.#classes.values()) yield* topics.values();
  }
}
