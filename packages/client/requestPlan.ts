import type { SubscribeItem } from "@shardcast/protocol/messages";
import { type ChannelState, isPattern, needsRequest, wantsLastValue } from "./channelState.ts";

/** All channels that need a request, by the position that they are asked for with, empty where by none: those of equal positions share theirs. */
export function groupByPosition(states: Iterable<ChannelState>): Map<string, ChannelState[]> {
  const groups = new Map<string, ChannelState[]>();
  for (const state of states) {
    if (!needsRequest(state)) continue;
    // A live channel is asked for its last value alone, wherever it stands.
    const position = state.isLive ? "" : (state.resumeFrom ?? "");
    const group = groups.get(position) ?? [];
    groups.set(position, group);
    // Patterns first: they bring what they cover in one piece.
    if (isPattern(state)) group.unshift(state);
    else group.push(state);
  }
  return groups;
}

/** How a channel is asked for. */
export function itemOf(state: ChannelState): SubscribeItem {
  const { channelName: channel, deliveryPolicy: policy } = state;
  const snapshot = wantsLastValue(state);
  if (policy === "lossless") return snapshot ? { channel, snapshot } : channel;
  return { channel, snapshot, [typeof policy === "number" ? "maxRate" : "policy"]: policy };
}
