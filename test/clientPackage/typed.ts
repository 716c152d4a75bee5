// What the types of the published package say, for a strict compiler that does not know this repository.
import {
  type Client,
  connect,
  type DataMessage,
  type GapEvent,
  ShardcastError,
  type Subscription,
} from "@shardcast/client";
import { deflate } from "@shardcast/client/deflate";

interface Trade {
  readonly price: number;
}

function asTrade(value: unknown): Trade {
  return value as Trade;
}

const client: Client = connect(["wss://a.example.com/ws", "wss://b.example.com/ws"], {
  encoding: deflate,
  token: async ({ signal }) => await (await fetch("/token", { signal })).text(),
  onGap: (gap: GapEvent) => gap.channel.length,
  onError: (error) => error instanceof ShardcastError && error.code === "payload_invalid",
});
client.subscribe("a", ({ data }) => data.price.toFixed(2), { schema: asTrade });
const subscription: Subscription<Trade> = client.subscribe<Trade>("b", { maxRate: 5 });
for await (const message of subscription) {
  const known: DataMessage<Trade> = message;
  // @ts-expect-error: a price is a number.
  known.data.price.trim();
}
