import { patternsOf } from "@shardcast/protocol/channel";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import { type Recipient, WANTED } from "./recipient.ts";
import type { ReplayGuard } from "./replayGuard.ts";

/** One subscribed channel or pattern and everyone who listens to it. */
export interface ChannelState {
  readonly channelName: string;
  readonly deliveryPolicy: SubscriptionPolicy;
  readonly recipients: Set<Recipient>;
  /**
   * From where it has to be resumed: `SHARED`, or a list of marks and cursors of its own, as JSON; undefined where it begins
   * with what comes next, because the server has not yet answered, and empty where that is so because the server did not
   * understand its position.
   */
  resumeFrom: string | undefined;
  /** Answered on the present connection. */
  isLive: boolean;
  /** The request on the present connection that is not answered yet; 0: none. One that is live may be asked for once more. */
  askedWith: number;
  /** Whether that request is one that the last value follows: where messages are brought by a resume none does. */
  asksLastValue?: boolean;
  /**
   * All that were asked for from the same position at once, in however many requests; undefined once one of them, a pattern, has
   * brought what this one has missed, and goes on to bring it.
   */
  askedAlong: readonly ChannelState[] | undefined;
  /** Exists while this channel has messages that `resumeFrom` does not cover. */
  guard?: ReplayGuard | undefined;
}

/** The position of the whole client. */
export const SHARED = "shared";

export function isPattern({ channelName }: ChannelState): boolean {
  return channelName.endsWith(".*");
}

/** Whether it is, or lies under, this pattern. */
export function isUnder({ channelName }: ChannelState, pattern: string): boolean {
  return patternsOf(channelName).includes(pattern);
}

/** Whether what came since its position has not all arrived. */
export function isBehind({ resumeFrom, isLive }: ChannelState): boolean {
  return !isLive && !!resumeFrom;
}

/** A live channel is asked for once more where somebody who came later wants its last value. */
export function needsRequest(state: ChannelState): boolean {
  return !state.askedWith && (!state.isLive || wantsLastValue(state));
}

export function wantsLastValue({ recipients }: ChannelState): boolean {
  return [...recipients].some(({ lastValue }) => lastValue === WANTED);
}
