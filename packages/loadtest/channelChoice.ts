import type { Scenario } from "./scenario.ts";

/** By client, the numbers of its channels; `first` is the number of the first client among all generators'. */
export function chooseChannels(scenario: Scenario, first: number, count: number): number[][] {
  const { channels, choose, channelsPerClient } = scenario;
  const all = channels.map((_, index) => index);
  const each = Math.min(channelsPerClient, channels.length);
  return Array.from({ length: count }, (_, index) => {
    if (choose === "all") return all;
    if (choose === "one") return [(first + index) % channels.length];
    const own = new Set<number>();
    while (own.size < each)
      own.add(choose === "random" ? Math.floor(Math.random() * all.length) : zipf(all.length));
    return [...own];
  });
}

/** A rank from 0, drawn about in proportion to 1/(rank+1): the inverse of the logarithm that sums these. */
function zipf(count: number): number {
  return Math.min(count - 1, Math.floor((count + 1) ** Math.random()) - 1);
}
