import { patternsOf } from "@shardcast/protocol/channel";
import { parseCursor } from "@shardcast/protocol/cursor";
import type { ClientMessage, DataMessage, RequestError, ServerMessage } from "@shardcast/protocol/messages";
import type { Backoff } from "./backoff.ts";
import { splitIntoBatches } from "./batches.ts";
import { ChannelState } from "./channelState.ts";
import { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import type { Recipient } from "./recipient.ts";
import { ReplayGuard } from "./replayGuard.ts";
import { planRequests } from "./requestPlan.ts";
import { ResumePosition } from "./resume.ts";
import type { SinkOwner } from "./subscription.ts";

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
export class Channels implements SinkOwner {
  readonly #states = new Map<string, ChannelState>();
  readonly #handler: ChannelsHandler;
  readonly #retryBackoff: Backoff;
  readonly #position = new ResumePosition();
  readonly #requests = new Map<number, PendingRequest>();
  /** Names that are no longer wanted, for the next flush. */
  readonly #leaving = new Set<string>();
  #patterns = 0;
  #link: Link | undefined;
  /** Counts connections up, for the guards. */
  #connection = 0;
  #frozen = false;
  #flushPlanned = false;
  #unguardedReported = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(handler: ChannelsHandler, retryBackoff: Backoff) {
    this.#handler = handler;
    this.#retryBackoff = retryBackoff;
  }

  /** Throws `ShardcastError`: `already_subscribed` where a `since` can have no effect any more, `policy_conflict`. */
  join(recipient: Recipient, since: readonly string[] | undefined): void {
    const { channel, policy } = recipient;
    let state = this.#states.get(channel);
    if (state === undefined) {
      state = new ChannelState(channel, since, policy);
      this.#states.set(channel, state);
      if (state.isPattern) this.#patterns++;
    } else if (since !== undefined) throw new ShardcastError("already_subscribed", undefined, channel);
    else if (state.policy !== policy) throw new ShardcastError("policy_conflict", undefined, channel);
    state.recipients.add(recipient);
    const { mark } = this.#position;
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
    this.#leaving.add(state.name);
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
    this.#leaving.clear();
    for (const state of this.#states.values()) state.disconnected();
  }

  /** Ends everything for good: as the caller wished, or with the error. */
  close(error: ShardcastError, isWanted: boolean): void {
    this.disconnected();
    const states = [...this.#states.values()];
    this.#states.clear();
    for (const state of states) this.#end(state, error, isWanted);
  }

  receive(message: ServerMessage): void {
    if (message.type === "message") this.#onData(message);
    else if (message.type === "gap") this.#onGap(message);
    else if (message.type === "pong") {
      if (message.mark !== undefined) this.#settle(message.mark);
    } else if (message.type === "authenticated") {
      for (const name of message.revoked ?? []) {
        const state = this.#states.get(name);
        if (state !== undefined) this.#fail(state, REVOKED);
      }
    } else if (message.type === "subscribed" || message.type === "unsubscribed" || message.type === "error") {
      const request = this.#requests.get(message.id ?? 0);
      this.#requests.delete(message.id ?? 0);
      if (message.type === "error") this.#onError(message, request);
      else if (message.type === "subscribed" && request?.states) this.#onSubscribed(message, request.states);
    }
  }

  missed(recipients: Iterable<Recipient>, gap: GapEvent): void {
    for (const recipient of recipients) recipient.gap(gap);
    this.#handler.onGap(gap);
  }

  report(error: ShardcastError): void {
    this.#handler.onError(error);
  }

  #onData(message: DataMessage): void {
    const cursor = parseCursor(message.cursor);
    if (cursor === undefined) return;
    const { streamId, offset } = cursor;
    const { channel, snapshot } = message;
    if (!this.#frozen && !snapshot && this.#position.saw(streamId, offset)) this.#link?.ping();
    for (const state of this.#covering(channel)) {
      const isDue = snapshot || !this.#frozen || this.#admit(state, channel, streamId, offset);
      const recipients = snapshot ? state.takeSnapshotRecipients() : state.recipients;
      if (isDue) for (const recipient of recipients) recipient.deliver(message);
    }
  }

  #admit(state: ChannelState, channel: string, streamId: string, offset: number): boolean {
    // A channel that begins with what comes next repeats nothing.
    if (state.anchor === undefined) return true;
    state.guard ??= new ReplayGuard();
    const verdict = state.guard.admit(channel, streamId, offset, this.#connection);
    if (verdict === "repeated") this.#handler.onRepeated();
    if (verdict === "full" && !this.#unguardedReported) {
      this.#unguardedReported = true;
      this.report(new ShardcastError("guard_overflow", undefined, state.name));
    }
    return verdict !== "repeated";
  }

  /** Everyone who is to see what concerns this channel: its own subscription and the patterns that cover it. */
  #covering(channel: string): ChannelState[] {
    const names = this.#patterns > 0 ? new Set([channel, ...patternsOf(channel)]) : [channel];
    const states: ChannelState[] = [];
    for (const name of names) {
      const state = this.#states.get(name);
      if (state !== undefined && !this.#isLeaving(name)) states.push(state);
    }
    return states;
  }

  /**
   * Until the server has answered an `unsubscribe`, what arrives for a name belongs to the subscription that was given up; a
   * new one of the same name must not begin with it, because what follows is missing.
   */
  #isLeaving(name: string): boolean {
    if (this.#leaving.has(name)) return true;
    for (const { names } of this.#requests.values()) if (names?.has(name)) return true;
    return false;
  }

  #onSubscribed(
    { mark, channels }: ServerMessage & { readonly type: "subscribed" },
    states: readonly ChannelState[],
  ): void {
    const answers = new Map(channels.map((answer) => [answer.channel, answer]));
    const position = [mark];
    for (const state of this.#current(states)) {
      const answer = answers.get(state.name);
      if (answer === undefined) this.#fail(state, UNANSWERED);
      else if (answer.error !== undefined) this.#refused([state], answer.error);
      else this.#accepted(state, mark, position, answer.recovered !== false);
    }
    this.#settle(mark);
  }

  /** Another subscription of the same name has its own answer. */
  #current(states: readonly ChannelState[]): readonly ChannelState[] {
    return states.filter((state) => this.#states.get(state.name) === state);
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
    if (!recovered) this.missed(state.recipients, { channel: state.name, reason: "not_recovered" });
  }

  /** Makes `mark`, which came after everything below it, the shared position, unless a channel still lags behind. */
  #settle(mark: string): void {
    const states = [...this.#states.values()];
    if (states.some((state) => state.anchor !== undefined && state.phase !== "live")) return;
    this.#position.adopt(mark);
    this.#frozen = false;
    for (const state of states) {
      state.guard = undefined;
      if (state.anchor !== undefined) state.anchor = "shared";
    }
  }

  #onGap({ channel, after, through, reason }: ServerMessage & { readonly type: "gap" }): void {
    const end = parseCursor(through);
    // A log that was cut back goes on at smaller offsets: what was remembered of larger ones would hide them.
    const isTruncated = reason === "truncated";
    if (isTruncated) this.#link?.ping();
    else if (!this.#frozen && end !== undefined) this.#position.saw(end.streamId, end.offset);
    for (const state of this.#covering(channel)) {
      if (isTruncated) state.guard = undefined;
      this.missed(state.recipients, { channel: state.name, reason, after, through });
    }
  }

  #onError(error: RequestError & { readonly id?: number }, request: PendingRequest | undefined): void {
    // Some request will never be answered, and nobody knows which: a new connection asks for everything again.
    if (error.id === undefined && this.#requests.size > 0 && isPassing(error))
      this.#link?.drop(error.message);
    if (request?.states !== undefined) {
      const states = this.#current(request.states);
      // The server does not understand the position: the channels go on from now, and say so when they are answered.
      if (error.code === "since_invalid" && request.since) {
        for (const state of states) {
          state.anchor = undefined;
          state.positionRefused = true;
          state.postpone();
        }
        this.#planFlush();
      } else this.#refused(states, error);
      return;
    }
    this.report(new ShardcastError(error.code, error.message));
    // What is still sent then finds no recipient, so only a refusal that passes is worth a second request.
    if (request?.names === undefined || !isPassing(error)) return;
    for (const name of request.names) if (!this.#states.has(name)) this.#leaving.add(name);
    this.#retryLater();
  }

  #refused(states: readonly ChannelState[], error: RequestError): void {
    if (!isPassing(error)) {
      for (const state of states) this.#fail(state, error);
      return;
    }
    for (const state of states) state.postpone();
    this.report(new ShardcastError(error.code, error.message));
    this.#retryLater();
  }

  #fail(state: ChannelState, { code, message }: RequestError): void {
    this.#remove(state);
    if (state.phase === "live") this.#leaving.add(state.name);
    const error = new ShardcastError(code, message, state.name);
    this.#end(state, error, false);
    this.report(error);
  }

  #end(state: ChannelState, error: ShardcastError, isWanted: boolean): void {
    for (const recipient of state.recipients) recipient.end(error, isWanted);
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
    const left = [...this.#leaving];
    this.#leaving.clear();
    for (const channels of splitIntoBatches(left)) {
      const id = link.nextId();
      this.#requests.set(id, { names: new Set(channels) });
      link.send({ type: "unsubscribe", id, channels });
    }
    for (const { states, items, since } of planRequests(this.#states.values(), this.#position)) {
      const id = link.nextId();
      if (since !== undefined) this.#frozen = true;
      this.#requests.set(id, { states, since: since !== undefined });
      for (const state of states) state.requested();
      link.send({ type: "subscribe", id, channels: items, ...(since && { since }) });
    }
  }
}

/** Of an `unsubscribe` it has names, of a `subscribe` states. */
interface PendingRequest {
  readonly names?: ReadonlySet<string>;
  readonly states?: readonly ChannelState[];
  readonly since?: boolean;
}

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
}

const REVOKED: RequestError = { code: "channel_forbidden", message: "not with the new token" };
const UNANSWERED: RequestError = { code: "internal", message: "not in the answer" };

/** Such a refusal may be none when it is asked again. */
function isPassing({ code }: RequestError): boolean {
  return code === "too_many_requests" || code === "subscriptions_full" || code === "internal";
}
