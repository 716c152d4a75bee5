import { isChannelName } from "@shardcast/protocol/channel";

const SPAN = /\{(\d{1,7})-(\d{1,7})\}/;
export const CHANNELS_MAX = 100_000;

/** `coin{1-500}.load` stands for 500 channels. Throws a `RangeError` for what are no channels, or too many. */
export function expandChannels(names: readonly string[]): string[] {
  const channels: string[] = [];
  for (const name of names) {
    const [span, from, to] = SPAN.exec(name) ?? [];
    const numbers: readonly (number | undefined)[] =
      span === undefined ? [undefined] : spanOf(Number(from), Number(to), name);
    for (const number of numbers) {
      const channel = number === undefined ? name : name.replace(SPAN, `${number}`);
      if (!isChannelName(channel)) throw new RangeError(`${channel} is no channel name`);
      channels.push(channel);
    }
    if (channels.length > CHANNELS_MAX) throw new RangeError(`more than ${CHANNELS_MAX} channels`);
  }
  if (new Set(channels).size < channels.length) throw new RangeError("the same channel twice");
  return channels;
}

function spanOf(from: number, to: number, name: string): number[] {
  if (to < from || to - from >= CHANNELS_MAX) throw new RangeError(`${name} stands for none, or too many`);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
