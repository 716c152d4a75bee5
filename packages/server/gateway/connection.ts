import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import type { RequestErrorCode, ServerMessage, SubscribedChannel } from "@shardcast/protocol/messages";
import type { ServerWebSocket } from "bun";
import type { Hub } from "../hub/hub.ts";
import { isCovered, patternNames, type Topic } from "../hub/topics.ts";
import { LogError, type StreamLog } from "../log/log.ts";
import type { RateLimit } from "./rateLimit.ts";
import { Replay, type ReplayLimits } from "./replay.ts";
import { parseRequest, type Refusal, type Request, type RequestedChannel } from "./requests.ts";

/** What all connections of one shard share. */
export interface ConnectionContext {
  readonly hub: Hub;
  readonly log: Pick<StreamLog, "read">;
  readonly limits: ConnectionLimits;
  readonly replayLimits: ReplayLimits;
  readonly rate: RateLimit;
  readonly counters: ConnectionCounters;
  /** Wall clock in ms since 1970: what the log's timestamps are compared with. */
  readonly now: () => number;
}

export interface ConnectionLimits {
  readonly subscriptionsMax: number;
  /** Unsent bytes at which a replay waits for the client. */
  readonly replayBufferBytes: number;
  /** Requests that may wait behind a replay. */
  readonly waitingRequestsMax: number;
  /** Refused requests after which a client is sent away: it does not speak this protocol. */
  readonly refusalsMax: number;
}

export interface ConnectionCounters {
  requests: number;
  refusals: number;
  resumed: number;
  notRecovered: number;
  replayedMessages: number;
}

/**
 * One client. There are very many of these, so it holds little: an array of topics, and what a replay needs only while
 * it lasts. Requests are answered strictly in their order, also while a replay waits for the client or the log: so a
 * mark, in whatever answer, covers all that was sent before it. Only a ping overtakes a replay, and gets no mark then.
 */
export class Connection {
  socket: ServerWebSocket<Connection> | undefined = undefined;
  topics: readonly Topic[] = NO_TOPICS;
  #rateState = 0;
  #refusals = 0;
  #replay: RunningReplay | undefined = undefined;
  readonly #context: ConnectionContext;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  receive(text: string): void {
    const { rate, counters, limits } = this.#context;
    counters.requests += 1;
    const request = parseRequest(text, limits.subscriptionsMax);
    const rateState = rate.take(this.#rateState);
    // Parsed all the same, because a refusal carries the id of what it refuses.
    if (rateState === undefined)
      return this.refuse(request.id, "too_many_requests", "too many requests: slow down");
    this.#rateState = rateState;
    if (request.type === "refused") return this.refuse(request.id, request.code, request.message);
    if (this.#replay === undefined) return this.#handle(request);
    // A ping asks whether this side lives, and the client gives the connection up when nobody answers in time. No mark
    // goes with it: where the replay has not reached, a mark of now would skip what is still to come.
    if (request.type === "ping") return this.#send({ type: "pong", id: request.id });
    if (this.#replay.waiting.length >= limits.waitingRequestsMax) {
      return this.refuse(request.id, "too_many_requests", "too many requests are waiting behind a resume");
    }
    this.#replay.waiting.push(request);
  }

  refuse(id: Refusal["id"], code: RequestErrorCode, message: string): void {
    this.#context.counters.refusals += 1;
    this.#refusals += 1;
    this.#send(id === undefined ? { type: "error", code, message } : { type: "error", id, code, message });
    if (this.#refusals >= this.#context.limits.refusalsMax) {
      this.socket?.close(CLOSE_CODES.policy.code, "too many refused requests");
    }
  }

  /** The client has taken what was buffered for it. */
  drained(): void {
    this.#replay?.resume?.();
  }

  closed(): void {
    this.socket = undefined;
    this.#replay?.abort.abort();
    this.#replay?.resume?.();
    const patterns = patternNames(this.topics);
    for (const topic of this.topics) {
      if (!isCovered(topic.name, patterns)) topic.listeners -= 1;
      this.#context.hub.topics.release(topic);
    }
    this.topics = NO_TOPICS;
  }

  #handle(request: Request): void {
    switch (request.type) {
      case "ping":
        return this.#send({ type: "pong", id: request.id, mark: this.#context.hub.mark() });
      case "unsubscribe":
        this.#unsubscribe(request.channels);
        return this.#send({ type: "unsubscribed", id: request.id, channels: request.channels });
      case "subscribe":
        return this.#subscribe(request);
    }
  }

  #subscribe(request: SubscribeRequest): void {
    const plan = this.#plan(request);
    if (request.since === undefined || plan.added.length === 0) return this.#join(request, plan, false);
    const channels = plan.added.map((item) => item.channel);
    const { hub, log, replayLimits: limits, now } = this.#context;
    const replay = new Replay({
      hub,
      log,
      limits,
      channels,
      already: this.topics.map((topic) => topic.name),
      since: request.since,
      nowMs: now(),
    });
    if (!replay.possible) return this.#join(request, plan, false);
    if (replay.inHistory) {
      this.#sendTexts(replay.fromHistory(this.#context.limits.replayBufferBytes));
      if (replay.finished) return this.#join(request, plan, true);
    }
    const running: RunningReplay = { waiting: [], abort: new AbortController(), resume: undefined };
    this.#replay = running;
    this.#run(replay, running, (recovered) => this.#finish(running, request, plan, recovered)).catch(
      (error: unknown) => {
        // The log is away or too slow, or this client is gone: in each case there is nothing to wait for.
        if (!(error instanceof LogError || error instanceof DOMException) && this.socket !== undefined)
          throw error;
        this.#finish(running, request, plan, false);
      },
    );
  }

  /** Calls `finish` in the very turn in which the last chunk was sent: a promise would let a message in between. */
  async #run(replay: Replay, running: RunningReplay, finish: (recovered: boolean) => void): Promise<void> {
    for (;;) {
      while (replay.possible && !replay.inHistory) {
        const timeout = AbortSignal.timeout(LOG_STEP_MS_MAX);
        const texts = await replay.fromLog(AbortSignal.any([running.abort.signal, timeout]));
        if (texts === undefined || this.socket === undefined) return finish(false);
        this.#sendTexts(texts);
        await this.#pause(running);
      }
      // A stream that was truncated meanwhile has no place for this client to go on from.
      if (!replay.possible) return finish(false);
      this.#sendTexts(replay.fromHistory(this.#context.limits.replayBufferBytes));
      if (replay.finished || this.socket === undefined) return finish(replay.finished);
      await this.#pause(running);
    }
  }

  /** Lets the client take what is buffered; and everybody else have a turn, even where it takes all at once. */
  #pause(running: RunningReplay): Promise<void> {
    const { socket } = this;
    return new Promise((resolve) => {
      if (socket === undefined || socket.getBufferedAmount() < this.#context.limits.replayBufferBytes) {
        setImmediate(resolve);
        return;
      }
      running.resume = () => {
        running.resume = undefined;
        resolve();
      };
    });
  }

  #finish(running: RunningReplay, request: SubscribeRequest, plan: SubscribePlan, recovered: boolean): void {
    this.#replay = undefined;
    if (this.socket === undefined) return;
    this.#join(request, plan, recovered);
    for (let next = running.waiting.shift(); next !== undefined; next = running.waiting.shift()) {
      this.#handle(next);
      const started = this.#currentReplay();
      if (started !== undefined) {
        started.waiting.push(...running.waiting);
        return;
      }
    }
  }

  #currentReplay(): RunningReplay | undefined {
    return this.#replay;
  }

  /** Which of the asked-for channels are new, known already, or refused. */
  #plan(request: SubscribeRequest): SubscribePlan {
    const known = new Set(this.topics.map((topic) => topic.name));
    const patterns = patternNames(this.topics);
    const added: RequestedChannel[] = [];
    const present = new Set<string>();
    const errors: SubscribedChannel[] = [];
    for (const item of request.channels) {
      if (!item.valid) errors.push({ channel: item.channel.slice(0, 300), error: INVALID_CHANNEL });
      else if (known.has(item.channel)) present.add(item.channel);
      else if (known.size + added.length >= this.#context.limits.subscriptionsMax) {
        errors.push({ channel: item.channel, error: TOO_MANY_SUBSCRIPTIONS });
      } else {
        added.push(item);
        if (isCovered(item.channel, patterns)) present.add(item.channel);
      }
    }
    return { added, present, errors };
  }

  /** Joins the topics and answers. Nothing else happens between the end of a replay and this: the seam is exact. */
  #join(request: SubscribeRequest, plan: SubscribePlan, recovered: boolean): void {
    const { hub, counters } = this.#context;
    const asked = request.since !== undefined;
    if (asked && plan.added.length > 0) counters[recovered ? "resumed" : "notRecovered"] += 1;
    if (plan.added.length > 0) this.#add(plan.added.map((item) => hub.topics.acquire(item.channel)));
    const refused = new Set(plan.errors.map(({ channel }) => channel));
    const taken = request.channels.filter((item) => item.valid && !refused.has(item.channel));
    // What this connection had before is not sent again, so nothing is said of what it missed before that.
    const isRecovered = (item: RequestedChannel) => !asked || (recovered && !plan.present.has(item.channel));
    const channels = taken.map((item) => ({ channel: item.channel, recovered: isRecovered(item) }));
    this.#send({
      type: "subscribed",
      id: request.id,
      mark: hub.mark(),
      channels: [...plan.errors, ...channels],
    });
    for (const item of taken) {
      if (asked ? !isRecovered(item) : item.snapshot) this.#sendLastValues(item.channel);
    }
  }

  #unsubscribe(names: readonly string[]): void {
    const dropped = new Set(names);
    const released = this.topics.filter((topic) => dropped.has(topic.name));
    if (released.length === 0) return;
    this.#remove(released, dropped);
    for (const topic of released) this.#context.hub.topics.release(topic);
  }

  /**
   * Listens on exactly those topics that no broader one covers, so that each message comes once. The transport keeps
   * the order of publish, subscribe and unsubscribe within a turn, so a change of cover loses and repeats nothing.
   */
  #add(added: readonly Topic[]): void {
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
  }

  #remove(removed: readonly Topic[], names: ReadonlySet<string>): void {
    const before = patternNames(this.topics);
    const kept = this.topics.filter((topic) => !names.has(topic.name));
    const after = patternNames(kept);
    for (const topic of removed) if (!isCovered(topic.name, before)) this.#leave(topic);
    if (after.size < before.size) {
      for (const topic of kept) {
        if (isCovered(topic.name, before) && !isCovered(topic.name, after)) this.#listen(topic);
      }
    }
    this.topics = kept.length === 0 ? NO_TOPICS : kept;
  }

  #listen(topic: Topic): void {
    this.socket?.subscribe(topic.name);
    topic.listeners += 1;
  }

  #leave(topic: Topic): void {
    this.socket?.unsubscribe(topic.name);
    topic.listeners -= 1;
  }

  #sendLastValues(name: string): void {
    const { history } = this.#context.hub;
    if (!name.endsWith(".*")) return this.#sendSnapshot(history.lastValue(name));
    for (const channel of history.channelsWithPrefix(name.slice(0, -1))) {
      this.#sendSnapshot(history.lastValue(channel.name));
    }
  }

  #sendSnapshot(envelope: Uint8Array | undefined): void {
    if (envelope === undefined) return;
    const text = decoder.decode(envelope);
    this.socket?.sendText(`${SNAPSHOT_HEAD}${text.slice(MESSAGE_HEAD.length)}`);
  }

  #sendTexts(texts: readonly string[]): void {
    const { socket } = this;
    if (socket === undefined || texts.length === 0) return;
    this.#context.counters.replayedMessages += texts.length;
    socket.cork(() => {
      for (const text of texts) socket.sendText(text);
    });
  }

  #send(message: ServerMessage): void {
    this.socket?.sendText(JSON.stringify(message));
  }
}

type SubscribeRequest = Extract<Request, { type: "subscribe" }>;

interface SubscribePlan {
  readonly added: readonly RequestedChannel[];
  /** Asked-for channels whose messages this connection gets already. */
  readonly present: ReadonlySet<string>;
  readonly errors: readonly SubscribedChannel[];
}

/** A step of a replay that waits longer than this for the log is given up: the client is told that it has not recovered. */
const LOG_STEP_MS_MAX = 5000;

interface RunningReplay {
  readonly waiting: Request[];
  readonly abort: AbortController;
  /** Set while the replay waits for the client to take what is buffered. */
  resume: (() => void) | undefined;
}

const NO_TOPICS: readonly Topic[] = [];
const decoder = new TextDecoder();

/** Every envelope begins so (`source/envelope.ts`): a last value gets its mark here, without parsing it. */
const MESSAGE_HEAD = '{"type":"message",';
const SNAPSHOT_HEAD = '{"type":"message","snapshot":true,';

const INVALID_CHANNEL = {
  code: "channel_invalid",
  message: "a channel is dot-separated letters, digits and _:@$=+~-, at most 255; it may end in .*",
} as const;
const TOO_MANY_SUBSCRIPTIONS = {
  code: "too_many_subscriptions",
  message: "this connection has as many subscriptions as it may",
} as const;
