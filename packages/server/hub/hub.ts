import { formatCursor } from "@shardcast/protocol/cursor";
import { formatMark, MARK_CHARACTERS_MAX, MARK_STREAMS_MAX, MARK_TOO_LONG } from "@shardcast/protocol/mark";
import type { GapReason } from "@shardcast/protocol/messages";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import type { Publication } from "../publication.ts";
import { AheadListeners } from "./aheadListeners.ts";
import { History, type HistoryLimits, type StreamSlot } from "./history.ts";
import { PolicyClasses } from "./policyClasses.ts";
import { gapText, RecentGaps } from "./recentGaps.ts";
import { RewrittenOffsets } from "./rewrittenOffsets.ts";
import { type Broadcast, EnvelopeText, sendToTopics } from "./sendToTopics.ts";
import { SubscriptionRoom } from "./subscriptionRoom.ts";
import { type Topic, Topics } from "./topics.ts";

/**
 * A shard's channels: takes each stream's publications in offset order, each once, remembers the recent ones and
 * hands every one to the topics that somebody listens to.
 */
export class Hub {
  /** Of subscriptions that are owed every message. */
  readonly topics: Topics;
  /** All others. */
  readonly classes: PolicyClasses;
  readonly recentGaps = new RecentGaps();
  readonly room = new SubscriptionRoom();
  readonly history: History;
  readonly rewritten = new RewrittenOffsets();
  readonly ahead = new AheadListeners();
  readonly counters: HubCounters = { publications: 0, payloadBytes: 0, deliveries: 0, gaps: 0 };
  readonly #broadcast: Broadcast;
  readonly #slots = new Map<string, StreamSlot>();
  readonly #now: () => number;
  /** When streams ended, in ms. */
  readonly #goneAtMs = new Map<string, number>();
  /** Streams that are there, and that nobody can follow yet. */
  readonly #unplaced = new Set<string>();
  readonly #markCharactersMax: number;
  readonly #text = new EnvelopeText();
  #mark: string | undefined;
  /** The slots in the order of a mark. */
  #sorted: readonly StreamSlot[] | undefined;

  constructor(
    limits: HistoryLimits,
    broadcast: Broadcast,
    { now = () => performance.now(), markCharactersMax = MARK_CHARACTERS_MAX }: HubOptions = {},
  ) {
    this.history = new History(limits, now);
    this.#now = now;
    this.#markCharactersMax = Math.min(MARK_CHARACTERS_MAX, markCharactersMax);
    this.#broadcast = broadcast;
    this.topics = new Topics("lossless", this.room);
    this.classes = new PolicyClasses(this.room, broadcast);
  }

  topicsOf(policy: SubscriptionPolicy): Topics {
    return policy === "lossless" ? this.topics : this.classes.topics(policy);
  }

  /** A name may come several times, once for each policy. */
  *allTopics(): Iterable<Topic> {
    yield* this.topics.values();
    yield* this.classes.values();
  }

  /** From here on the stream is this hub's: `next` is the offset from which it will be handed over. */
  open(streamId: string, next: number): void {
    if (this.#slots.has(streamId)) return;
    this.#unplaced.delete(streamId);
    this.#slots.set(streamId, this.history.openSlot(streamId, next));
    this.#sorted = undefined;
    this.#mark = undefined;
  }

  /**
   * The stream is there, but nobody knows how far it has come. Until it is opened a mark names it with a position that
   * nothing recovers from: one that left it out would be taken to be older than the stream, and get all of it.
   */
  unplaced(streamId: string): void {
    if (this.#slots.has(streamId)) return;
    this.#unplaced.add(streamId);
    this.#mark = undefined;
  }

  /** The stream is gone for good: nothing of it is kept but what history holds. */
  forget(streamId: string): void {
    this.#slots.delete(streamId);
    this.#goneAtMs.delete(streamId);
    this.rewritten.forget(streamId);
    this.ahead.forget(streamId);
    this.#unplaced.delete(streamId);
    this.#sorted = undefined;
    this.#mark = undefined;
  }

  /** Everything of the stream up to `through` is among `publications` or was delivered before. */
  deliver(streamId: string, publications: readonly Publication[], through: number): void {
    const slot = this.#slotOf(streamId);
    const someAreAhead = this.ahead.has(streamId);
    for (const publication of publications) {
      const position = this.classes.areUsed ? this.history.end : 0;
      this.history.append(slot, publication);
      slot.next = publication.offset + 1;
      // Whom this goes to may be told the position right behind it.
      this.#mark = undefined;
      if (someAreAhead) this.#publishPast(streamId, publication);
      else this.#publish(publication);
      // Of these only the newest counts, so what a client has seen elsewhere may come again.
      if (this.classes.areUsed) this.classes.publish(publication, this.#text, position);
    }
    slot.next = through + 1;
    if (someAreAhead) this.ahead.reached(streamId, slot.next);
    slot.gone = false;
    slot.isEndUnknown = false;
    this.#mark = undefined;
  }

  /**
   * (after, through] can not be had any more. Every channel that somebody listens to is told: which ones stood in that
   * stretch nobody knows any more, and a stream may feed a channel that it has never fed (partitions were added, keys
   * have moved, its log was cut back and filled anew).
   */
  gap(streamId: string, after: number, through: number, reason: GapReason, isEndUnknown = false): void {
    let slot = this.#slotOf(streamId);
    this.counters.gaps += 1;
    const stretch = JSON.stringify({
      after: formatCursor(streamId, Math.max(0, after)),
      through: formatCursor(streamId, Math.max(0, through)),
      reason,
    }).slice(1);
    this.recentGaps.add(stretch);
    for (const { name, transport, listeners } of this.allTopics()) {
      if (listeners > 0) this.#broadcast(transport, gapText(name, stretch));
    }
    if (reason === "truncated") {
      this.rewritten.add(streamId, through + 1, after + 1);
      // The offsets from here on are used a second time: a new slot, so that no entry of the old epoch answers.
      slot = this.history.openSlot(streamId, through + 1);
      this.#slots.set(streamId, slot);
      this.#sorted = undefined;
      this.ahead.forget(streamId);
    }
    this.ahead.reached(streamId, through + 1);
    slot.next = through + 1;
    slot.floor = through + 1;
    slot.gone = reason === "gone";
    slot.isEndUnknown = isEndUnknown;
    if (slot.gone) this.#goneAtMs.set(streamId, this.#now());
    this.#mark = undefined;
  }

  /** The messages of the gaps after the first `count`, for each of the topics; undefined where not all are remembered. */
  missedGaps(count: number, topics: Iterable<Topic>): readonly string[] | undefined {
    const stretches = this.recentGaps.since(count);
    if (stretches?.length === 0) return [];
    const names = Array.from(topics, ({ name }) => name);
    return stretches?.flatMap((stretch) => names.map((name) => gapText(name, stretch)));
  }

  /** The stream has ended where it stands: whoever has seen it so far has seen all of it. */
  ended(streamId: string): void {
    this.#slotOf(streamId).gone = true;
    this.#goneAtMs.set(streamId, this.#now());
    this.#mark = undefined;
  }

  slots(): Iterable<StreamSlot> {
    return this.#slots.values();
  }

  slot(streamId: string): StreamSlot | undefined {
    return this.#slots.get(streamId);
  }

  /** The position in all streams up to which this hub has published, or `MARK_TOO_LONG` where that can not be told. */
  mark(): string {
    this.#mark ??= this.#tellMark();
    return this.#mark;
  }

  /** The mark of somebody who may have seen more of some streams than this hub has published. */
  markOf(client: { readonly topics: readonly Topic[] }): string {
    if (this.ahead.size === 0) return this.mark();
    const lossless = client.topics.filter(({ policy }) => policy === "lossless");
    const seen = this.ahead.seenBy(client, lossless);
    return seen.size === 0 ? this.mark() : this.#tellMark(seen);
  }

  #tellMark(seen?: ReadonlyMap<string, number>): string {
    // A stream that is gone is left out after a while: a shard that starts later does not know it, and nothing of it
    // can be missed. Not at once: one that is there again goes on where it was, also for who has this mark.
    this.#sorted ??= [...this.#slots.values()].sort((a, b) => (a.streamId < b.streamId ? -1 : 1));
    const goneSinceMs = this.#now() - GONE_IN_MARK_MS;
    const streams = this.#sorted.filter(
      (slot) => !slot.gone || (this.#goneAtMs.get(slot.streamId) ?? 0) > goneSinceMs,
    );
    const positions = streams.map(
      ({ streamId, next }) => [streamId, Math.max(next, seen?.get(streamId) ?? 0)] as const,
    );
    // Streams that this hub does not know yet, but somebody has seen.
    for (const [streamId, next] of seen ?? [])
      if (!this.#slots.has(streamId)) positions.push([streamId, next]);
    for (const streamId of this.#unplaced)
      if (seen?.has(streamId) !== true) positions.push([streamId, Number.MAX_SAFE_INTEGER]);
    if (positions.length > MARK_STREAMS_MAX) return MARK_TOO_LONG;
    const mark = formatMark(positions);
    return mark.length > this.#markCharactersMax ? MARK_TOO_LONG : mark;
  }

  #publishPast(streamId: string, publication: Publication): void {
    const { offset, channel } = publication;
    this.ahead.publishPast({ streamId, offset, channel }, () => this.#publish(publication));
  }

  #publish({ channel, envelope }: Publication): void {
    this.counters.publications += 1;
    this.counters.payloadBytes += envelope.length;
    const text = this.#text.of(envelope);
    this.counters.deliveries += sendToTopics(this.topics, channel, text, this.#broadcast);
  }

  #slotOf(streamId: string): StreamSlot {
    const slot = this.#slots.get(streamId);
    if (slot === undefined) throw new Error(`stream ${streamId} was not opened in the hub`);
    return slot;
  }
}

export type { Broadcast } from "./sendToTopics.ts";

/** How long a mark names a stream that is gone, in ms. */
const GONE_IN_MARK_MS = 10 * 60_000;

export interface HubOptions {
  /** The clock by which history ages, in ms. Default: one that nobody can set. */
  readonly now?: () => number;
  /** What a client can send back in a message; never more than the protocol's own bound. */
  readonly markCharactersMax?: number;
}

export interface HubCounters {
  publications: number;
  payloadBytes: number;
  deliveries: number;
  gaps: number;
}
