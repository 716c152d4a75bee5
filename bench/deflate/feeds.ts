import { readFileSync } from "node:fs";
import { demoMarket } from "../../packages/server/source/demoMarket.ts";

export interface FeedMessage {
  readonly channel: string;
  readonly data: unknown;
}

/** Messages without end, and what a client that wants all of them subscribes to. */
export interface Feed {
  readonly name: string;
  readonly channels: readonly string[];
  readonly messages: Iterator<FeedMessage, never>;
}

const CHANNELS_SEEN = 5000;

/** The invented market of `serve --demo`. */
function demo(): Feed {
  const channels = new Set<string>();
  const market = demoMarket(7);
  for (let i = 0; i < CHANNELS_SEEN; i++) channels.add(`${market.next().value.channel.split(".")[0]}.*`);
  return { name: "demo", channels: [...channels], messages: demoMarket(8) };
}

/** The records of the README's example, by the channel that the default template makes of them. */
function flights(): Feed {
  const file = new URL("../../node_modules/vega-datasets/data/flights-2k.json", import.meta.url).pathname;
  const records: readonly { readonly origin: string }[] = JSON.parse(readFileSync(file, "utf8"));
  const channelOf = ({ origin }: { readonly origin: string }) => `${origin}.flights`;
  function* endless(): Generator<FeedMessage, never> {
    for (;;) for (const data of records) yield { channel: channelOf(data), data };
  }
  return { name: "flights", channels: [...new Set(records.map(channelOf))], messages: endless() };
}

export const FEEDS: readonly (() => Feed)[] = [demo, flights];
