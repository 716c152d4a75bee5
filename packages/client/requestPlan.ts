import type { SubscribeItem } from "@shardcast/protocol/messages";
import { splitIntoBatches } from "./batches.ts";
import type { Anchor, ChannelState } from "./channelState.ts";

export interface PlannedRequest {
  readonly states: readonly ChannelState[];
  readonly items: readonly SubscribeItem[];
  readonly since: readonly string[] | undefined;
}

/** The requests that ask for all channels which need one: those of equal positions share theirs. */
export function planRequests(
  states: Iterable<ChannelState>,
  shared: () => readonly string[],
): PlannedRequest[] {
  const requests: PlannedRequest[] = [];
  for (const { anchor, members } of groupByAnchor(states)) {
    const since = anchor === "shared" ? shared() : anchor;
    // Patterns first: they bring what they cover in one piece.
    const ordered = [
      ...members.filter((state) => state.isPattern),
      ...members.filter((state) => !state.isPattern),
    ];
    const items = ordered.map(itemOf);
    let planned = 0;
    for (const batch of splitIntoBatches(items, since)) {
      requests.push({ states: ordered.slice(planned, planned + batch.length), items: batch, since });
      planned += batch.length;
    }
  }
  return requests;
}

interface Group {
  readonly anchor: Anchor;
  readonly members: ChannelState[];
}

function groupByAnchor(states: Iterable<ChannelState>): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const state of states) {
    if (!state.needsRequest) continue;
    // A live channel is asked for its last value alone, wherever it stands.
    const anchor = state.phase === "idle" ? state.anchor : undefined;
    const key = typeof anchor === "object" ? anchor.join(" ") : String(anchor);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { anchor, members: [state] });
    else group.members.push(state);
  }
  return groups.values();
}

function itemOf({ name: channel, policy, wantsSnapshot: snapshot }: ChannelState): SubscribeItem {
  if (policy === "lossless") return snapshot ? { channel, snapshot } : channel;
  return typeof policy === "number" ? { channel, snapshot, maxRate: policy } : { channel, snapshot, policy };
}
