import type { ChannelInfo } from "../supervisor/ipc.ts";
import type { TopChannel } from "./shape.ts";

/** Shards tell thousands of channels: they are asked only while somebody looks, and then not more often than this. */
const LOOK_MS = 4000;
const TOLD_MAX = 25;

/** The channels that have the most messages per second or the most subscribers. */
export class TopChannels {
  readonly #ask: () => Promise<{ readonly channels: readonly ChannelInfo[] }>;
  #top: readonly TopChannel[] = [];
  #totals = new Map<string, number>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(ask: () => Promise<{ readonly channels: readonly ChannelInfo[] }>) {
    this.#ask = ask;
  }

  async now(nowMs = performance.now()): Promise<readonly TopChannel[]> {
    if (this.#looking === undefined && nowMs - this.#lookedMs >= LOOK_MS) {
      this.#looking = this.#look(nowMs).finally(() => {
        this.#looking = undefined;
      });
    }
    await this.#looking;
    return this.#top;
  }

  async #look(nowMs: number): Promise<void> {
    const { channels } = await this.#ask();
    const seconds = (nowMs - this.#lookedMs) / 1000;
    const told = channels.map(({ channel, subscribers, messages, total }) => ({
      ...{ channel, subscribers, messages },
      // A shard that was started anew counts from nought, and a first look has nothing to compare with.
      messagesPerSecond: Math.max(0, total - (this.#totals.get(channel) ?? total)) / seconds,
    }));
    this.#totals = new Map(channels.map(({ channel, total }) => [channel, total]));
    this.#lookedMs = nowMs;
    const busiest = told.sort(
      (a, b) =>
        b.messagesPerSecond - a.messagesPerSecond || b.subscribers - a.subscribers || b.messages - a.messages,
    );
    const bySubscribers = [...told].sort((a, b) => b.subscribers - a.subscribers);
    this.#top = [...new Set([...busiest.slice(0, TOLD_MAX), ...bySubscribers.slice(0, TOLD_MAX)])];
  }
}
