import { patternPrefix, patternsOf } from "@shardcast/protocol/channel";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import type { SubscriptionRoom } from "./subscriptionRoom.ts";

/**
 * The names that this shard's clients subscribe to with one policy, each held once: a client keeps references to these and not
 * strings of its own, which at ten subscriptions saves most of its memory. An array of them is smaller than a `Set`.
 */
export class Topics {
  /** Of all topics, the clients that are behind. */
  heldBack = 0;
  readonly policy: SubscriptionPolicy;
  readonly #topics = new Map<string, Topic>();
  readonly #patterns = new Map<string, Topic>();
  readonly #room: SubscriptionRoom;

  constructor(policy: SubscriptionPolicy, room: SubscriptionRoom) {
    this.policy = policy;
    this.#room = room;
  }

  get size(): number {
    return this.#topics.size;
  }

  /** Whether any client listens to a pattern: only then has a publication more than one topic. */
  get hasPatterns(): boolean {
    return this.#patterns.size > 0;
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  pattern(name: string): Topic | undefined {
    return this.#patterns.get(name);
  }

  /** Clients that get a channel's messages by these topics, and clients that are behind on them. */
  reach(channel: string): { listeners: number; heldBack: number } {
    const sum = { listeners: 0, heldBack: 0 };
    const add = (topic: Topic | undefined) => {
      sum.listeners += topic?.listeners ?? 0;
      sum.heldBack += topic?.heldBack ?? 0;
    };
    add(this.#topics.get(channel));
    if (this.hasPatterns) for (const name of patternsOf(channel)) add(this.#patterns.get(name));
    return sum;
  }

  acquire(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = this.#create(name);
      this.#topics.set(name, topic);
      if (topic.prefix !== undefined) this.#patterns.set(name, topic);
    }
    topic.subscribers += 1;
    this.#room.count += 1;
    return topic;
  }

  release(topic: Topic): void {
    topic.subscribers -= 1;
    this.#room.count -= 1;
    if (topic.subscribers > 0) return;
    this.#topics.delete(topic.name);
    this.#patterns.delete(topic.name);
  }

  /** A client of the topic has fallen behind, or is not any more. */
  holdBack(topic: Topic, change: 1 | -1): void {
    topic.heldBack += change;
    this.heldBack += change;
  }

  values(): Iterable<Topic> {
    return this.#topics.values();
  }

  #create(name: string): Topic {
    const { policy } = this;
    return {
      name,
      policy,
      // No channel has a space in its name.
      transport: policy === "lossless" ? name : `${policy} ${name}`,
      prefix: name.endsWith(".*") ? patternPrefix(name) : undefined,
      subscribers: 0,
      listeners: 0,
      heldBack: 0,
    };
  }
}

export interface Topic {
  readonly name: string;
  readonly policy: SubscriptionPolicy;
  /** What the transport calls it: each policy has topics of its own. */
  readonly transport: string;
  /** What a channel must begin with to belong to this pattern; undefined for a plain channel. */
  readonly prefix: string | undefined;
  /** Clients that asked for it. */
  subscribers: number;
  /** Clients that really listen on it: the others have a broader pattern that covers it, or are behind. */
  listeners: number;
  /** Clients that are behind, and get only the newest when they have caught up. */
  heldBack: number;
}

/** The names of the patterns among `topics`. */
export function patternNames(topics: readonly Topic[]): Set<string> {
  const names = new Set<string>();
  for (const topic of topics) if (topic.prefix !== undefined) names.add(topic.name);
  return names;
}

/** Whether a name (a channel or a pattern) belongs to another one of the patterns: one look-up for each of its segments. */
export function isCovered(name: string, patterns: ReadonlySet<string>): boolean {
  if (patterns.size === 0) return false;
  return patternsOf(name).some((pattern) => pattern !== name && patterns.has(pattern));
}
