import type { ChannelInfo } from "../supervisor/ipc.ts";

/** What is asked of a shard's hub. */
export interface ToldChannels {
  readonly history: {
    /** `end`: messages so far, of which the last `count` are kept. */
    channels(): Iterable<{ readonly name: string; readonly count: number; readonly end: number }>;
  };
  /** A channel may come several times. */
  allTopics(): Iterable<{ readonly name: string; readonly subscribers: number }>;
}

/** Channels that one shard's answer to `/api/channels` names. */
const CHANNELS_TOLD_MAX = 10_000;

/** What one shard tells of: what has a history there, and what clients subscribe to. */
export function channelsOf(hub: ToldChannels): ChannelInfo[] {
  const infos = new Map<string, ChannelInfo>();
  for (const { name, count, end } of hub.history.channels()) {
    if (infos.size >= CHANNELS_TOLD_MAX) break;
    infos.set(name, { channel: name, subscribers: 0, messages: count, total: end });
  }
  for (const { name, subscribers } of hub.allTopics()) {
    const known = infos.get(name) ?? { channel: name, subscribers: 0, messages: 0, total: 0 };
    if (infos.size >= CHANNELS_TOLD_MAX && !infos.has(name)) continue;
    infos.set(name, { ...known, subscribers: known.subscribers + subscribers });
  }
  return [...infos.values()];
}

/** By name: subscribers over all shards; messages as the shard with the longest history has them. */
export function joinChannels(shards: ReadonlyArray<readonly ChannelInfo[]>): ChannelInfo[] {
  const joined = new Map<string, ChannelInfo>();
  for (const { channel, subscribers, messages, total } of shards.flat()) {
    const known = joined.get(channel);
    joined.set(channel, {
      channel,
      subscribers: subscribers + (known?.subscribers ?? 0),
      messages: Math.max(messages, known?.messages ?? 0),
      total: Math.max(total, known?.total ?? 0),
    });
  }
  return [...joined.values()].sort((a, b) => (a.channel < b.channel ? -1 : 1));
}
