import { patternPrefix, patternsOf } from "@shardcast/protocol/channel";

/**
 * The names that this shard's clients subscribe to, each held once: a client keeps references to these and not
 * strings of its own, which at ten subscriptions saves most of its memory. An array of them is smaller than a `Set`.
 */
export class Topics {
  readonly #topics = new Map<string, Topic>();
  readonly #patterns = new Map<string, Topic>();
  #subscriptions = 0;
  /** What all clients of this shard may have together: its supervisor shares the instance's cap out. */
  subscriptionsMax = Number.POSITIVE_INFINITY;
  /** Subscriptions refused for that. */
  refused = 0;

  get size(): number {
    return this.#topics.size;
  }

  /** Of all clients together. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** How many more there may be. */
  get room(): number {
    return Math.max(0, this.subscriptionsMax - this.#subscriptions);
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

  acquire(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      const isPattern = name.endsWith(".*");
      topic = { name, prefix: isPattern ? patternPrefix(name) : undefined, subscribers: 0, listeners: 0 };
      this.#topics.set(name, topic);
      if (isPattern) this.#patterns.set(name, topic);
    }
    topic.subscribers += 1;
    this.#subscriptions += 1;
    return topic;
  }

  release(topic: Topic): void {
    topic.subscribers -= 1;
    this.#subscriptions -= 1;
    if (topic.subscribers > 0) return;
    this.#topics.delete(topic.name);
    this.#patterns.delete(topic.name);
  }

  values(): Iterable<Topic> {
    return this.#topics.values();
  }
}

export interface Topic {
  readonly name: string;
  /** What a channel must begin with to belong to this pattern; undefined for a plain channel. */
  readonly prefix: string | undefined;
  /** Clients that asked for it. */
  subscribers: number;
  /** Clients that really listen on it: the others have a broader pattern that covers it. */
  listeners: number;
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
