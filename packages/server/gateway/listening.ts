import type { ServerMessage } from "@shardcast/protocol/messages";
import { isCovered, patternNames, type Topic } from "../hub/topics.ts";
import type { ClientSocket } from "./clientSocket.ts";
import type { SharedContext } from "./connectionContext.ts";
import type { Seat } from "./deflate/seat.ts";
import { NewestOnly } from "./newestOnly.ts";

/**
 * What one client listens to, and the one way by which all is sent to it. Of its topics it listens on exactly those that no
 * broader one covers, so that each message comes once. The transport keeps the order of publish, subscribe and unsubscribe
 * within a turn, so a change of cover loses and repeats nothing.
 */
export class Listening {
  socket: ClientSocket | undefined = undefined;
  topics: readonly Topic[] = NO_TOPICS;
  /** Of subscriptions that are not owed every message; few clients have any. */
  #newest: NewestOnly | undefined = undefined;
  readonly #context: SharedContext;
  /** Of a client that takes deflated frames: it listens there and not on the topics themselves. */
  readonly #seat: Seat | undefined;

  constructor(context: SharedContext, seat: Seat | undefined) {
    this.#context = context;
    this.#seat = seat;
  }

  get takesDeflate(): boolean {
    return this.#seat !== undefined;
  }

  get burstBytes(): number {
    return this.#newest?.burstBytes ?? 0;
  }

  /** Of all topics, also of those that others cover. */
  get names(): string[] {
    return this.topics.map((topic) => topic.name);
  }

  send(message: ServerMessage): void {
    this.#seat?.flush();
    this.socket?.sendText(JSON.stringify(message));
  }

  sendTexts(texts: readonly string[]): void {
    const { socket } = this;
    if (socket === undefined || texts.length === 0) return;
    for (const text of texts) this.#context.slow.sent(text);
    this.#seat?.flush();
    const frames = this.#seat?.framesOf(texts) ?? texts;
    socket.cork(() => {
      for (const frame of frames) socket.send(frame);
    });
  }

  /** Calls `answer` when all is sent that was published before. */
  afterPublished(answer: () => void): void {
    if (this.#seat === undefined) answer();
    else this.#seat.afterBatch(answer);
  }

  /** The client has taken what was buffered for it. */
  drained(): void {
    this.#newest?.drained();
  }

  /** These have been acquired, and are released again when they are removed. */
  add(added: readonly Topic[]): void {
    const before = patternNames(this.topics);
    const after = patternNames(added);
    // Without a new pattern all that was listened to stays so, and a client may have very many topics.
    if (after.size > 0) {
      for (const topic of this.topics) {
        if (isCovered(topic.name, after) && !isCovered(topic.name, before)) this.#leave(topic);
      }
    }
    for (const name of before) after.add(name);
    for (const topic of added) if (!isCovered(topic.name, after)) this.#listen(topic);
    this.topics = [...this.topics, ...added];
    this.#sit();
  }

  remove(names: readonly string[]): void {
    const dropped = new Set(names);
    const removed = this.topics.filter((topic) => dropped.has(topic.name));
    if (removed.length === 0) return;
    const before = patternNames(this.topics);
    const kept = this.topics.filter((topic) => !dropped.has(topic.name));
    const after = patternNames(kept);
    for (const topic of removed) if (!isCovered(topic.name, before)) this.#leave(topic);
    if (after.size < before.size) {
      for (const topic of kept) {
        if (isCovered(topic.name, before) && !isCovered(topic.name, after)) this.#listen(topic);
      }
    }
    this.topics = kept.length === 0 ? NO_TOPICS : kept;
    this.#sit();
    this.#context.hub.ahead.leave(this, dropped, kept);
    for (const topic of removed) this.#release(topic);
  }

  /** What the client has seen of a channel elsewhere is not sent to it again when this shard comes to it. */
  pause(channel: string, isPaused: boolean): void {
    const topic = this.#listenedFor(channel);
    const { socket } = this;
    if (topic === undefined || socket === undefined) return;
    const place = this.#seat?.place(topic.transport) ?? topic.transport;
    if (isPaused) socket.unsubscribe(place);
    else socket.subscribe(place);
  }

  /** The client is gone. */
  close(): void {
    this.socket = undefined;
    this.#seat?.close();
    this.#context.hub.ahead.remove(this);
    const patterns = patternNames(this.topics);
    for (const topic of this.topics) {
      if (topic.policy === "lossless" && !isCovered(topic.name, patterns)) topic.listeners -= 1;
      this.#release(topic);
    }
    this.topics = NO_TOPICS;
    if (this.#newest === undefined) return;
    this.#context.slow.unwatch(this.#newest);
    this.#newest.closed();
  }

  #release(topic: Topic): void {
    this.#context.hub.topicsOf(topic.policy).release(topic);
  }

  /** The one topic by which a message of this channel comes here. */
  #listenedFor(channel: string): Topic | undefined {
    let broadest: Topic | undefined;
    for (const topic of this.topics) {
      const isMatch = topic.prefix === undefined ? topic.name === channel : channel.startsWith(topic.prefix);
      if (
        isMatch &&
        (broadest === undefined || topic.name.length < broadest.name.length || broadest.prefix === undefined)
      ) {
        broadest = topic;
      }
    }
    return broadest;
  }

  #listen(topic: Topic): void {
    if (topic.policy !== "lossless") return this.#newestOnly()?.listen(topic);
    this.#subscribeTo(topic);
    topic.listeners += 1;
  }

  #leave(topic: Topic): void {
    if (topic.policy !== "lossless") return this.#newest?.leave(topic);
    this.#unsubscribeFrom(topic);
    topic.listeners -= 1;
  }

  /** Who takes deflated frames has a seat instead, which is taken when all topics are known. */
  #subscribeTo(topic: Topic): void {
    if (this.#seat === undefined) this.socket?.subscribe(topic.transport);
  }

  #unsubscribeFrom(topic: Topic): void {
    if (this.#seat === undefined) this.socket?.unsubscribe(topic.transport);
  }

  /** Takes the seat that belongs to the topics, which have changed. */
  #sit(): void {
    if (this.#seat === undefined || this.socket === undefined) return;
    const patterns = patternNames(this.topics);
    const isBehind = this.#newest?.isBehind === true;
    const listened = this.topics.filter(
      ({ name, policy }) => !(isCovered(name, patterns) || (isBehind && policy !== "lossless")),
    );
    this.#seat.move(
      this.socket,
      listened.map((topic) => topic.transport),
    );
  }

  #newestOnly(): NewestOnly | undefined {
    const { socket } = this;
    if (this.#newest !== undefined || socket === undefined) return this.#newest;
    const { hub, replays: queue, limits, slow } = this.#context;
    this.#newest = new NewestOnly({
      hub,
      socket,
      queue,
      pieceBytes: limits.replayBufferBytes,
      subscribe: (topic) => this.#subscribeTo(topic),
      unsubscribe: (topic) => this.#unsubscribeFrom(topic),
      moved: () => this.#sit(),
      send: (texts) => this.sendTexts(texts),
      cutOff: () => slow.cut(socket),
    });
    slow.watch(this.#newest);
    return this.#newest;
  }
}

const NO_TOPICS: readonly Topic[] = [];
