import { patternsOf } from "@shardcast/protocol/channel";
import { type Cursor, parseCursor } from "@shardcast/protocol/cursor";
import type { RequestError, ServerMessage, SubscribedChannel } from "@shardcast/protocol/messages";
import { splitIntoBatches } from "./batches.ts";
import { type ChannelState, isBehind, isPattern, isUnder, SHARED, wantsLastValue } from "./channelState.ts";
import type { Connection } from "./connection.ts";
import type { Emitter } from "./emitter.ts";
import { ShardcastError } from "./errors.ts";
import type { ClientEvents, GapEvent } from "./events.ts";
import { DUE, NOTHING, type Recipient, WANTED } from "./recipient.ts";
import { isRepeated } from "./replayGuard.ts";
import { groupByPosition, itemOf } from "./requestPlan.ts";
import { createResumePosition } from "./resume.ts";

export type ServerMessageHandlers = {
  readonly [Type in ServerMessage["type"]]: (message: ServerMessage & { readonly type: Type }) => void;
};

/** The channels of one client over all its connections. */
export interface Channels {
  /** Throws `ShardcastError`: `already_subscribed` where a `since` can have no effect any more, `policy_conflict`. */
  addRecipient(recipient: Recipient, since: readonly string[] | undefined): void;
  leave(recipient: Recipient): void;
  onConnected(connection: Connection): void;
  onDisconnected(): void;
  readonly handlers: Omit<ServerMessageHandlers, "welcome" | "reconnect" | "token_expiring">;
  /** Ends everything for good: as the caller wished, or with a failure. */
  endAll(error: ShardcastError, failure?: ShardcastError): void;
}

/** Of a client's statistics, what is counted here, and which connection it is. */
export interface ChannelCounts {
  messages: number;
  repeated: number;
  readonly reconnects: number;
}

/**
 * Asks for channels, hands out what arrives, and knows from where each has to be resumed.
 *
 * Positions. As long as every channel is answered, one shared position serves all: what the server sent before a
 * mark has been delivered, because a connection keeps order. While any `since` is unanswered that does not hold:
 * a mark may lie far beyond what another channel's replay has reached. So the shared position then stands still
 * (`isFrozen`), each answered channel keeps the mark of its own answer, and guards remember what arrived beyond; when the
 * last one is answered, that answer's mark is the shared position again.
 */
export function createChannels(
  emit: Emitter<ClientEvents>["emit"],
  counts: ChannelCounts,
  /** How long to wait before what was refused for now is asked for again, after so many times. */
  retryDelayMs: (retries: number) => number,
): Channels {
  const states = new Map<string, ChannelState>();
  const position = createResumePosition();
  /**
   * Names that were given up, each with its `unsubscribe`, or `UNSENT`. Until the server has answered it, what arrives for a
   * name belongs to the subscription that was given up; a new one of the same name, or of one that it covers, must not
   * begin with it, because what follows is missing.
   */
  const leaving = new Map<string, number>();
  /** Has had one: what it brought may still come when it is given up. */
  let hasPatterns = false;
  let connection: Connection | undefined;
  let isFrozen = false;
  let isFlushPlanned = false;
  let isOverflowTold = false;
  let retries = 0;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;

  function remove(state: ChannelState): void {
    states.delete(state.channelName);
    if (!state.isLive && !state.askedWith) return;
    leaving.set(state.channelName, UNSENT);
    planFlush();
  }

  function fail(state: ChannelState, { code, message }: RequestError): void {
    remove(state);
    const error = new ShardcastError(code, message, state.channelName);
    for (const recipient of state.recipients) recipient.endWith(error, error);
    emit("error", error);
  }

  function missed(state: ChannelState, gap: Omit<GapEvent, "channel">): void {
    const event = { channel: state.channelName, ...gap };
    for (const recipient of state.recipients) recipient.tellGap(event);
    emit("gap", event);
  }

  /**
   * Everyone who is to see what concerns this channel: its own subscription and the patterns that cover it. Requests are
   * answered in their order: before a name is left nothing has come yet of what was asked for after that.
   */
  function covering(channel: string): Iterable<ChannelState> {
    const found = new Set<ChannelState>();
    const names = hasPatterns ? patternsOf(channel) : [];
    names.push(channel);
    for (const name of names) {
      const state = states.get(name);
      // Of what is not left the comparison is false.
      if (state && !(turnOf(state) && names.some((left) => (leaving.get(left) as number) <= turnOf(state))))
        found.add(state);
    }
    return found;
  }

  /** Whether an earlier connection has brought it, during a resume that broke off. */
  function hadBefore(state: ChannelState, channel: string, { streamId, offset }: Cursor): boolean {
    // Also of a channel that begins with what comes next: the resume of a pattern that covers it may repeat something.
    if (!isFrozen) return false;
    // What came by another that was asked for before says nothing of what comes before it here, unless both began together.
    const isForeign = (name: string) => {
      const other = states.get(name) ?? state;
      return leaving.has(name) || (turnOf(other) < turnOf(state) && other.askedAlong !== state.askedAlong);
    };
    if (isBehind(state) && [channel, ...patternsOf(channel)].some(isForeign)) return false;
    state.guard ??= new Map();
    const isOld = isRepeated(state.guard, `${channel} ${streamId}`, offset, counts.reconnects, () => {
      if (!isOverflowTold) emit("error", new ShardcastError("guard_overflow", undefined, state.channelName));
      isOverflowTold = true;
    });
    if (isOld) counts.repeated++;
    return isOld;
  }

  /**
   * The channels that wait for the answer to this request. Each waits until it is taken: a handler may give up one that comes
   * later, which the server has all the same.
   */
  function* takeAsked(id: number | undefined): Iterable<ChannelState> {
    for (const state of states.values()) {
      if (state.askedWith !== id) continue;
      state.askedWith = 0;
      yield state;
    }
  }

  function accepted(state: ChannelState, mark: string, isReplayed: boolean): void {
    retries = 0;
    const { askedAlong } = state;
    const resumeFrom = JSON.stringify([mark]);
    // The server says of what a pattern has brought that it can not say: the connection had it already.
    const recovered = isReplayed || !askedAlong;
    // What was asked for with a pattern and is not answered has got all that the pattern was brought. What was refused meanwhile
    // or came later may have missed some of that.
    if (askedAlong && isReplayed && isBehind(state))
      for (const each of askedAlong)
        if (each.askedWith && each.askedAlong === askedAlong && isUnder(each, state.channelName)) {
          each.resumeFrom = resumeFrom;
          each.askedAlong = undefined;
        }
    // Where a resume fails, the last value stands for what all have missed; of other policies it is all that one brings.
    const isForAll = !recovered || (isBehind(state) && state.deliveryPolicy !== "lossless");
    // Where a resume failed nothing is repeated, and offsets may even begin anew.
    if (!recovered) state.guard = undefined;
    state.askedAlong = undefined;
    if (!state.isLive) state.resumeFrom = resumeFrom;
    state.isLive = true;
    for (const recipient of state.recipients) {
      if (isForAll || (state.asksLastValue && recipient.lastValue === WANTED)) recipient.lastValue = DUE;
      if (recipient.lastValue !== WANTED) recipient.makeReady({ recovered, mark });
    }
    if (wantsLastValue(state)) planFlush();
    if (!recovered) missed(state, { reason: "not_recovered" });
  }

  function refused(asked: readonly ChannelState[], error: RequestError): void {
    if (isPassing(error)) {
      emit("error", new ShardcastError(error.code, error.message));
      retryLater();
    } else for (const state of asked) fail(state, error);
  }

  /** Makes `mark`, which came after everything below it, the shared position, unless a channel still lags behind. */
  function settle(mark: string): void {
    const all = [...states.values()];
    if (all.some(isBehind)) return;
    position.adoptMark(mark);
    isFrozen = false;
    for (const state of all) {
      state.guard = undefined;
      state.resumeFrom &&= SHARED;
    }
  }

  /** An `unsubscribe` has been answered, or has to be made again. */
  function onLeft(id: number | undefined, isAgain?: boolean): void {
    for (const [name, request] of leaving) {
      if (request !== id) continue;
      leaving.delete(name);
      if (!isAgain || states.has(name)) continue;
      leaving.set(name, UNSENT);
      retryLater();
    }
  }

  function retryLater(): void {
    retryTimer ??= setTimeout(() => {
      retryTimer = undefined;
      flush();
    }, retryDelayMs(retries++));
  }

  /** One flush for all the calls of one turn, so that they share requests. */
  function planFlush(): void {
    if (!connection || isFlushPlanned) return;
    isFlushPlanned = true;
    queueMicrotask(flush);
  }

  function flush(): void {
    isFlushPlanned = false;
    if (!connection) return;
    const left = [...leaving].flatMap(([name, request]) => (request === UNSENT ? name : []));
    for (const channels of splitIntoBatches(left, (name) => name)) {
      const id = connection.ask({ type: "unsubscribe", channels });
      for (const name of channels) leaving.set(name, id);
    }
    for (const [from, group] of groupByPosition(states.values())) {
      const since = from === SHARED ? position.toSince() : from ? JSON.parse(from) : undefined;
      if (since) isFrozen = true;
      for (const asked of splitIntoBatches(group, itemOf, since)) {
        const id = connection.ask({
          type: "subscribe",
          channels: asked.map(itemOf),
          since,
        });
        for (const state of asked) {
          state.askedWith = id;
          state.askedAlong = group;
          state.asksLastValue = !since && wantsLastValue(state);
        }
      }
    }
  }

  function onDisconnected(): void {
    connection = undefined;
    clearTimeout(retryTimer);
    retryTimer = undefined;
    leaving.clear();
    for (const state of states.values()) {
      state.isLive = false;
      state.askedWith = 0;
      for (const recipient of state.recipients) recipient.lastValue &&= WANTED;
    }
  }

  return {
    addRecipient(recipient, since) {
      const { channel: channelName, deliveryPolicy } = recipient;
      let state = states.get(channelName);
      if (!state) {
        const resumeFrom = since && JSON.stringify(since);
        const recipients = new Set<Recipient>();
        state = {
          channelName,
          deliveryPolicy,
          recipients,
          resumeFrom,
          isLive: false,
          askedWith: 0,
          askedAlong: [],
        };
        states.set(channelName, state);
        hasPatterns ||= isPattern(state);
      } else if (since || state.deliveryPolicy !== deliveryPolicy) {
        throw new ShardcastError(since ? "already_subscribed" : "policy_conflict", undefined, channelName);
      }
      state.recipients.add(recipient);
      if (state.isLive && recipient.lastValue === NOTHING)
        recipient.makeReady({
          recovered: true,
          mark: position.lastMark() ?? JSON.parse(state.resumeFrom as string)[0],
        });
      planFlush();
    },
    leave(recipient) {
      const state = states.get(recipient.channel);
      if (state?.recipients.delete(recipient) && !state.recipients.size) remove(state);
    },
    onConnected(fresh) {
      connection = fresh;
      flush();
    },
    onDisconnected,
    handlers: {
      message(message) {
        const { channel, snapshot } = message;
        counts.messages++;
        // It was checked.
        const cursor = parseCursor(message.cursor) as Cursor;
        if (!isFrozen && !snapshot && position.saw(cursor)) connection?.sendPing();
        for (const state of covering(channel)) {
          if (!snapshot && hadBefore(state, channel, cursor)) continue;
          for (const recipient of state.recipients) {
            if (snapshot) {
              if (recipient.lastValue !== DUE) continue;
              // A pattern has a last value for each of its channels.
              if (!isPattern(state)) recipient.lastValue = NOTHING;
            }
            recipient.deliver(message);
          }
        }
      },
      gap({ channel, after, through, reason }) {
        const end = parseCursor(through);
        // A log that was cut back goes on at smaller offsets: what was remembered of larger ones would hide them.
        const isTruncated = reason === "truncated";
        if (isTruncated) connection?.sendPing();
        else if (!isFrozen && end) position.saw(end);
        for (const state of covering(channel)) {
          if (isTruncated) state.guard = undefined;
          missed(state, { reason, after, through });
        }
      },
      subscribed({ id, mark, channels }) {
        for (const state of takeAsked(id)) {
          const { error, recovered = true } =
            channels.find((answer) => answer.channel === state.channelName) ?? UNANSWERED;
          if (error) refused([state], error);
          else accepted(state, mark, recovered && state.resumeFrom !== "");
        }
        settle(mark);
      },
      unsubscribed: ({ id }) => onLeft(id),
      pong({ mark }) {
        if (mark) {
          settle(mark);
          // Last values come before a mark that is sent after them, as far as there are some. The remainder leaves nothing of DUE.
          for (const { recipients } of states.values())
            for (const recipient of recipients) (recipient.lastValue as number) %= DUE;
        }
      },
      authenticated({ revoked = [] }) {
        for (const name of revoked) {
          const state = states.get(name);
          if (state) fail(state, REVOKED);
        }
        // At once, also before what was asked for earlier is answered: what a pattern would have brought has to be said of each.
        for (const state of states.values()) state.askedAlong = [];
      },
      error(error) {
        const { id, code, message } = error;
        const asked = [...takeAsked(id)];
        if (code === "since_invalid" && asked.some(isBehind)) {
          // The server does not understand the position: the channels go on from now, and say so when they are answered.
          for (const state of asked) state.resumeFrom = "";
          planFlush();
          emit("error", new ShardcastError(code, message));
        } else if (asked.length > 0) refused(asked, error);
        else {
          emit("error", new ShardcastError(code, message));
          // Some request may never be answered, and nobody knows which: a new connection asks for everything again.
          if (id === undefined && isPassing(error)) connection?.abandon(message);
          // What is still sent then finds no recipient, so only a refusal that passes is worth a second request.
          else onLeft(id, isPassing(error));
        }
      },
    },
    endAll(error, failure) {
      onDisconnected();
      for (const { recipients } of states.values())
        for (const recipient of recipients) recipient.endWith(error, failure);
      states.clear();
    },
  };
}

/** In the place of a request that has to be sent yet: it comes after all others, of which no connection makes so many. */
const UNSENT = 3e9;

/** Among the requests of a connection, which are answered in their order; 0: answered. */
function turnOf({ isLive, askedWith }: ChannelState): number {
  return isLive ? 0 : askedWith || UNSENT;
}

const REVOKED: RequestError = { code: "channel_forbidden", message: "revoked" };
const UNANSWERED: Partial<SubscribedChannel> = { error: { code: "internal", message: "unanswered" } };

/** Such a refusal may be none when it is asked again. */
function isPassing({ code }: RequestError): boolean {
  return ["too_many_requests", "subscriptions_full", "internal"].includes(code);
}
