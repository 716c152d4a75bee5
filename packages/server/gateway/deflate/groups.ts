import { Batch, type TurnMessage } from "./batch.ts";
import type { Packer, PlainReason } from "./packer.ts";

/** Begins the transport's topics of groups: no channel begins so. */
const TOPIC_PREFIX = "deflate/";

/** Clients that take deflated frames and listen to the same topics: they get the same frames, by a topic of their own. */
export interface Group {
  readonly topic: string;
  readonly names: readonly string[];
  readonly key: string;
  members: number;
  /** What is to be sent; undefined: nothing. */
  batch: Batch | undefined;
  /** What is to be said once the batch is sent. */
  afterBatch: (() => void)[];
}

/**
 * Groups clients by what they listen to. One frame holds messages of several channels, because the order of a stream
 * holds across channels: a frame for each channel would break it. Groups that have got the same messages in a turn share
 * one compression, so that what is compressed does not grow with the clients, and with the groups only as far as they differ.
 *
 * The first message after a quiet time is sent at the end of its turn of the event loop; what follows within `waitMsMax` of that
 * goes together when that has passed, all groups at once, so that those that got the same can share. Whatever else goes to one of
 * a group's clients, and who joins or leaves, ends its wait: so everything keeps the order that it has without this.
 */
export class Groups {
  readonly counters: GroupCounters = {
    refused: 0,
    sentBytesBefore: 0,
    sentBytes: 0,
    plain: { small: 0, busy: 0 },
  };
  readonly #options: GroupOptions;
  readonly #byKey = new Map<string, Group>();
  readonly #byName = new Map<string, Set<Group>>();
  readonly #waiting = new Set<Group>();
  #memberships = 0;
  #lastTopic = 0;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #root = new Batch();
  #last: TurnMessage | undefined;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The group of those who listen to exactly these, or undefined where there is no room for another one. */
  join(names: readonly string[]): Group | undefined {
    const sorted = [...names].sort();
    const key = new Bun.CryptoHasher("sha256").update(sorted.join("\n")).digest("base64");
    const group = this.#byKey.get(key) ?? this.#create(key, sorted);
    if (group === undefined) return undefined;
    this.flush(group);
    group.members += 1;
    return group;
  }

  leave(group: Group): void {
    this.flush(group);
    group.members -= 1;
    if (group.members > 0) return;
    this.#byKey.delete(group.key);
    this.#memberships -= group.names.length;
    for (const name of group.names) {
      const groups = this.#byName.get(name);
      groups?.delete(group);
      if (groups?.size === 0) this.#byName.delete(name);
    }
  }

  /** A message for all who listen to a topic. */
  publish(name: string, text: string): void {
    const groups = this.#byName.get(name);
    if (groups === undefined) return;
    // The same message comes for its channel and for each pattern that covers it.
    if (this.#last?.text !== text) this.#last = { text, bytes: Buffer.byteLength(text) };
    const message = this.#last;
    if (this.#waiting.size === 0) queueMicrotask(() => this.#endTurn());
    for (const group of groups) {
      const { batch } = group;
      if (batch !== undefined && batch.bytes + message.bytes > this.#options.frameBytesMax) this.flush(group);
      group.batch = (group.batch ?? this.#root).with(message);
      this.#waiting.add(group);
    }
  }

  /** Calls back when nothing that was published to the group waits any more, which may be at once. */
  afterBatch(group: Group, fn: () => void): void {
    if (group.batch === undefined) fn();
    else group.afterBatch.push(fn);
  }

  /** What waits is lost, with the connections that it is for. */
  close(): void {
    this.#cancel?.();
  }

  /** Sends what the group's clients have to get before whatever comes next. */
  flush(group: Group): void {
    const { batch, topic, members } = group;
    if (batch === undefined) return;
    group.batch = undefined;
    this.#send(batch, topic, members);
    for (const fn of group.afterBatch.splice(0)) fn();
  }

  #send(batch: Batch, topic: string, members: number): void {
    const { packer, send } = this.#options;
    const packed = batch.pack(packer);
    if (packed !== "plain") {
      this.counters.sentBytesBefore += batch.bytes * members;
      this.counters.sentBytes += packed.length * members;
      send(topic, packed);
      return;
    }
    const { texts } = batch;
    this.counters.plain[packer.isBusy ? "busy" : "small"] += texts.length;
    for (const text of texts) send(topic, text);
  }

  #endTurn(): void {
    const { waitMsMax, now, schedule } = this.#options;
    const waitMs = this.#sentAtMs + waitMsMax - now();
    if (waitMs < 1) this.#sendAll();
    else this.#cancel = schedule(waitMs, () => this.#sendAll());
  }

  #sendAll(): void {
    this.#sentAtMs = this.#options.now();
    for (const group of this.#waiting) this.flush(group);
    this.#waiting.clear();
    this.#root = new Batch();
    this.#last = undefined;
    this.#options.packer.begin();
  }

  #create(key: string, names: readonly string[]): Group | undefined {
    if (this.#memberships + names.length > this.#options.membershipsMax) {
      this.counters.refused += 1;
      return undefined;
    }
    const topic = `${TOPIC_PREFIX}${++this.#lastTopic}`;
    const group: Group = { topic, names, key, members: 0, batch: undefined, afterBatch: [] };
    this.#byKey.set(key, group);
    this.#memberships += names.length;
    for (const name of names) {
      const groups = this.#byName.get(name) ?? new Set();
      groups.add(group);
      this.#byName.set(name, groups);
    }
    return group;
  }
}

export interface GroupOptions {
  readonly packer: Packer;
  /** Sends to all clients on a topic of the transport. */
  readonly send: (topic: string, data: string | Uint8Array) => void;
  /** Bytes that one frame may hold, uncompressed; a larger message stands alone in its frame. */
  readonly frameBytesMax: number;
  /** Topics, added up over all groups. */
  readonly membershipsMax: number;
  /** How long a message may wait for others. 0: never beyond its turn. */
  readonly waitMsMax: number;
  /** In ms; never goes back. */
  readonly now: () => number;
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
}

export interface GroupCounters {
  /** Clients that found no room for a group of their own, and get plain frames. */
  refused: number;
  /** Over all clients: bytes of the messages that went deflated, and what was sent for them. */
  sentBytesBefore: number;
  sentBytes: number;
  /** Messages that went plain to groups. */
  readonly plain: Record<PlainReason, number>;
}
