import type { SubscribeItem } from "@shardcast/protocol/messages";
import { splitIntoBatches } from "./batches.ts";
import type { ChannelState } from "./channelState.ts";

export interface PlannedRequest {
  readonly states: readonly ChannelState[];
  readonly items: readonly SubscribeItem[];
  readonly since: readonly string[] | undefined;
}

/** The requests that ask for all channels which need one: those of equal positions share theirs. */
export function planRequests(
  states: Iterable<ChannelState>,
  shared: { since(): readonly string[] },
): PlannedRequest[] {
  const groups = new Map<string, ChannelState[]>();
  for (const state of states) {
    if (!state.needsRequest) continue;
    const key = `${JSON.stringify(anchorOf(state))}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [state]);
    else group.push(state);
  }
  return [...groups.values()].flatMap((group) => {
    // Patterns first: they bring what they cover in one piece.
    group.sort((a, b) => Number(b.isPattern) - Number(a.isPattern));
    const [first] = group;
    const anchor = first && anchorOf(first);
    const since = anchor === "shared" ? shared.since() : anchor;
    let planned = 0;
    return splitIntoBatches(group.map(itemOf), since).map((items) => {
      const begin = planned;
      planned += items.length;
      return { states: group.slice(begin, planned), items, since };
    });
  });
}

/** A live channel is asked for its last value alone, wherever it stands. */
function anchorOf(state: ChannelState): ChannelState["anchor"] {
  return state.phase === "idle" ? state.anchor : undefined;
}

function itemOf({ name: channel, policy, wantsSnapshot: snapshot }: ChannelState): SubscribeItem {
  if (policy === "lossless") return snapshot ? { channel, snapshot } : channel;
  return typeof policy === "number" ? { channel, snapshot, maxRate: policy } : { channel, snapshot, policy };
}
