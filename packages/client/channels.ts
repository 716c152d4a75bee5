import { patternsOf } from "@shardcast/protocol/channel";
import { parseCursor } from "@shardcast/protocol/cursor";
import type {
  ClientMessage,
  DataMessage,
  RequestError,
  ServerMessage,
  SubscribedChannel,
} from "@shardcast/protocol/messages";
import type { Backoff } from "./backoff.ts";
import { splitIntoBatches } from "./batches.ts";
import { ChannelState } from "./channelState.ts";
import { Departures } from "./departures.ts";
import { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import type { Recipient } from "./recipient.ts";
import { ReplayGuard } from "./replayGuard.ts";
import { planRequests } from "./requestPlan.ts";
import { ResumePosition } from "./resume.ts";

/**
 * The channels of one client over all its connections: asks for them, hands out what arrives, and knows from where
 * each has to be resumed.
 *
 * Positions. As long as every channel is answered, one shared position serves all: what the server sent before a
 * mark has been delivered, because a connection keeps order. While any `since` is unanswered that does not hold:
 * a mark may lie far beyond what another channel's replay has reached. So the shared position then stands still
 * (`frozen`), each answered channel keeps the mark of its own answer, and guards remember what arrived beyond; when the
 * last one is answered, that answer's mark is the shared position again.
 */
export class Channels {
  readonly #states = new Map<string, ChannelState>();
  readonly #handler: ChannelsHandler;
  readonly #retryBackoff: Backoff;
  readonly #position = new ResumePosition();
  readonly #requests = new Map<number, PendingRequest>();
  readonly #departures = new Departures();
  #patterns = 0;
  #link: Link | undefined;
  /** Counts connections up, for the guards. */
  #connection = 0;
  #frozen = false;
  #flushPlanned = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(handler: ChannelsHandler, retryBackoff: Backoff) {
    this.#handler = handler;
    this.#retryBackoff = retryBackoff;
  }

  /** Throws `ShardcastError`: `already_subscribed` where a `since` can have no effect any more, `policy_conflict`. */
  join(recipient: Recipient, since: readonly string[] | undefined): void {
    const name = recipient.channel;
    let state = this.#states.get(name);
    if (state !== undefined && since !== undefined) {
      throw new ShardcastError(
        "already_subscribed",
        `${name} is subscribed already: \`since\` cannot be met`,
        {
          channel: name,
        },
      );
    }
    if (state !== undefined && state.policy !== recipient.policy) {
      throw new ShardcastError("policy_conflict", `${name} is subscribed with another policy`, {
        channel: name,
      });
    }
    if (state === undefined) {
      state = new ChannelState(name, since, recipient.policy);
      this.#states.set(name, state);
      if (state.isPattern) this.#patterns++;
    }
    state.recipients.add(recipient);
    const mark = this.#position.mark;
    if (state.phase === "live" && recipient.snapshot === "none" && mark !== undefined) {
      recipient.answer({ recovered: true, mark });
    }
    this.#planFlush();
  }

  leave(recipient: Recipient): void {
    const state = this.#states.get(recipient.channel);
    if (state?.leave(recipient) !== true || state.recipients.size > 0) return;
    this.#remove(state);
    if (state.phase === "idle") return;
    this.#departures.plan(state.name);
    this.#planFlush();
  }

  connected(link: Link): void {
    this.#link = link;
    this.#connection++;
    this.#flush();
  }

  disconnected(): void {
    this.#link = undefined;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#requests.clear();
    this.#departures.clear();
    for (const state of this.#states.values()) state.disconnected();
  }

  /** Ends everything for good: as the caller wished (`clean`), or with the error. */
  close(error: ShardcastError, clean: boolean): void {
    this.disconnected();
    const states = [...this.#states.values()];
    this.#states.clear();
    for (const state of states) this.#end(state, error, clean);
  }

  receive(message: ServerMessage): void {
    switch (message.type) {
      case "message":
        this.#onData(message);
        break;
      case "subscribed":
        this.#onSubscribed(message.id, message.mark, message.channels);
        break;
      case "unsubscribed":
        this.#onUnsubscribed(message.id);
        break;
      case "gap":
        this.#onGap(message);
        break;
      case "pong":
        if (message.mark !== undefined) this.#settle(message.mark);
        break;
      case "authenticated":
        for (const name of message.revoked ?? []) {
          const state = this.#states.get(name);
          if (state !== undefined) this.#fail(state, REVOKED);
        }
        break;
      case "error":
        this.#onError(message.id, message);
        break;
    }
  }

  #onData(message: DataMessage): void {
    const cursor = parseCursor(message.cursor);
    if (cursor === undefined) return;
    const { streamId, offset } = cursor;
    const isSnapshot = message.snapshot === true;
    if (!this.#frozen && !isSnapshot && this.#position.saw(streamId, offset)) this.#link?.ping();
    for (const state of this.#covering(message.channel)) {
      if (isSnapshot) {
        for (const recipient of state.takeSnapshotRecipients()) recipient.deliver(message);
      } else if (!this.#frozen || this.#admit(state, message.channel, streamId, offset)) {
        for (const recipient of state.recipients) recipient.deliver(message);
      }
    }
  }

  #admit(state: ChannelState, channel: string, streamId: string, offset: number): boolean {
    // A channel that begins with what comes next repeats nothing.
    if (state.anchor === undefined) return true;
    state.guard ??= new ReplayGuard();
    const verdict = state.guard.admit(channel, streamId, offset, this.#connection);
    if (verdict === "repeated") this.#handler.onRepeated();
    else if (verdict === "full") this.#handler.onUnguarded(state.name);
    return verdict !== "repeated";
  }

  /** Everyone who is to see what concerns this channel: its own subscription and the patterns that cover it. */
  #covering(channel: string): ChannelState[] {
    const states: ChannelState[] = [];
    this.#collect(channel, states);
    if (this.#patterns > 0) {
      for (const pattern of patternsOf(channel)) if (pattern !== channel) this.#collect(pattern, states);
    }
    return states;
  }

  #collect(name: string, states: ChannelState[]): void {
    const state = this.#states.get(name);
    if (state !== undefined && !this.#departures.has(name)) states.push(state);
  }

  #onSubscribed(id: number, mark: string, channels: readonly SubscribedChannel[]): void {
    const request = this.#requests.get(id);
    if (request?.type !== "subscribe") return;
    this.#requests.delete(id);
    const unanswered = new Map(request.states);
    const position = [mark];
    for (const channel of channels) {
      const state = unanswered.get(channel.channel);
      unanswered.delete(channel.channel);
      // Another subscription of that name has its own answer.
      if (state === undefined || this.#states.get(channel.channel) !== state) continue;
      if (channel.error === undefined) this.#accepted(state, mark, position, channel.recovered !== false);
      else if (!isPassing(channel.error)) this.#fail(state, channel.error);
      else this.#postpone([state], channel.error);
    }
    for (const state of unanswered.values()) {
      if (this.#states.get(state.name) !== state) continue;
      this.#fail(state, { code: "internal", message: "the server's answer does not name this channel" });
    }
    this.#settle(mark);
  }

  #accepted(
    state: ChannelState,
    mark: string,
    position: readonly string[],
    recoveredByServer: boolean,
  ): void {
    this.#retryBackoff.reset();
    const recovered = recoveredByServer && !state.positionRefused;
    state.positionRefused = false;
    // Where a resume failed nothing is repeated, and offsets may even begin anew.
    if (!recovered) state.guard = undefined;
    state.answered(position, recovered);
    for (const recipient of state.recipients) {
      if (!recipient.answered && recipient.snapshot === "none") recipient.answer({ recovered, mark });
    }
    if (state.needsRequest) this.#planFlush();
    if (!recovered) this.#missed(state, { channel: state.name, reason: "not_recovered" });
  }

  /** Makes `mark`, which came after everything below it, the shared position, unless a channel still lags behind. */
  #settle(mark: string): void {
    for (const state of this.#states.values()) {
      if (state.anchor !== undefined && state.phase !== "live") return;
    }
    this.#position.adopt(mark);
    this.#frozen = false;
    for (const state of this.#states.values()) {
      state.guard = undefined;
      if (state.anchor !== undefined) state.anchor = "shared";
    }
  }

  #onUnsubscribed(id: number): void {
    const request = this.#requests.get(id);
    if (request?.type !== "unsubscribe") return;
    this.#requests.delete(id);
    this.#departures.answered(request.names);
  }

  #onGap(message: ServerMessage & { readonly type: "gap" }): void {
    const { channel, after, through, reason } = message;
    const end = parseCursor(through);
    // A log that was cut back goes on at smaller offsets: what was remembered of larger ones would hide them.
    const truncated = reason === "truncated";
    if (truncated) this.#link?.ping();
    else if (!this.#frozen && end !== undefined) this.#position.saw(end.streamId, end.offset);
    for (const state of this.#covering(channel)) {
      if (truncated) state.guard = undefined;
      this.#missed(state, { channel: state.name, reason, after, through });
    }
  }

  #onError(id: number | undefined, error: RequestError): void {
    const request = id === undefined ? undefined : this.#requests.get(id);
    // Some request will never be answered, and nobody knows which: a new connection asks for everything again.
    if (id === undefined && this.#requests.size > 0 && isPassing(error)) this.#link?.drop(error.message);
    if (id === undefined || request === undefined) {
      this.#handler.onError(new ShardcastError(error.code, error.message));
      return;
    }
    this.#requests.delete(id);
    if (request.type === "unsubscribe") {
      this.#departures.answered(request.names);
      this.#handler.onError(new ShardcastError(error.code, error.message));
      // What is still sent then finds no recipient, so only a refusal that passes is worth a second request.
      if (!isPassing(error)) return;
      for (const name of request.names) if (!this.#states.has(name)) this.#departures.plan(name);
      this.#retryLater();
      return;
    }
    const states = [...request.states.values()].filter((state) => this.#states.get(state.name) === state);
    if (error.code === "since_invalid" && request.since) this.#beginAnew(states);
    else if (isPassing(error)) this.#postpone(states, error);
    else for (const state of states) this.#fail(state, error);
  }

  /** The server does not understand the position: the channels go on from now, and say so when they are answered. */
  #beginAnew(states: readonly ChannelState[]): void {
    for (const state of states) {
      state.anchor = undefined;
      state.positionRefused = true;
      state.postpone();
    }
    this.#planFlush();
  }

  #postpone(states: readonly ChannelState[], error: RequestError): void {
    for (const state of states) state.postpone();
    this.#handler.onError(new ShardcastError(error.code, error.message));
    this.#retryLater();
  }

  #fail(state: ChannelState, refusal: RequestError): void {
    this.#remove(state);
    if (state.phase === "live") this.#departures.plan(state.name);
    const error = new ShardcastError(refusal.code, refusal.message, { channel: state.name });
    this.#end(state, error, false);
    this.#handler.onError(error);
  }

  #end(state: ChannelState, error: ShardcastError, clean: boolean): void {
    for (const recipient of state.recipients) {
      if (clean) recipient.end(error);
      else recipient.fail(error);
    }
  }

  #missed(state: ChannelState, gap: GapEvent): void {
    for (const recipient of state.recipients) recipient.gap(gap);
    this.#handler.onGap(gap);
  }

  #remove(state: ChannelState): void {
    this.#states.delete(state.name);
    if (state.isPattern) this.#patterns--;
  }

  #retryLater(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.#flush();
    }, this.#retryBackoff.nextDelayMs());
  }

  /** One flush for all the calls of one turn, so that they share requests. */
  #planFlush(): void {
    if (this.#link === undefined || this.#flushPlanned) return;
    this.#flushPlanned = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushPlanned = false;
    const link = this.#link;
    if (link === undefined) return;
    for (const names of splitIntoBatches(this.#departures.take())) {
      const id = link.nextId();
      this.#requests.set(id, { type: "unsubscribe", names });
      link.send({ type: "unsubscribe", id, channels: names });
    }
    for (const { states, items, since } of planRequests(this.#states.values(), () =>
      this.#position.since(),
    )) {
      const id = link.nextId();
      if (since !== undefined) this.#frozen = true;
      this.#requests.set(id, {
        type: "subscribe",
        states: new Map(states.map((state) => [state.name, state])),
        since: since !== undefined,
      });
      for (const state of states) state.requested();
      link.send({ type: "subscribe", id, channels: items, ...(since === undefined ? {} : { since }) });
    }
  }
}

type PendingRequest =
  | {
      readonly type: "subscribe";
      readonly states: ReadonlyMap<string, ChannelState>;
      readonly since: boolean;
    }
  | { readonly type: "unsubscribe"; readonly names: readonly string[] };

/** The present connection. */
export interface Link {
  nextId(): number;
  send(message: ClientMessage): void;
  ping(): void;
  /** Gives the connection up, so that another follows. */
  drop(reason: string): void;
}

export interface ChannelsHandler {
  onGap(gap: GapEvent): void;
  onError(error: ShardcastError): void;
  /** A message that an earlier, unfinished resume had brought already was dropped. */
  onRepeated(): void;
  /** A message could not be remembered by a guard. */
  onUnguarded(channel: string): void;
}

const REVOKED: RequestError = { code: "channel_forbidden", message: "the new token does not allow it" };

const PASSING: ReadonlySet<string> = new Set(["too_many_requests", "subscriptions_full", "internal"]);

function isPassing(error: RequestError): boolean {
  return PASSING.has(error.code);
}
