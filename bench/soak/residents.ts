import { type Client, connect } from "@shardcast/client/client";
import { deflate } from "@shardcast/client/deflate";
import type { FeedRecord } from "../../test/chaos/feed.ts";
import { type Books, Ledger } from "../../test/chaos/ledger.ts";
import { RawClient } from "../../test/chaos/rawClient.ts";

/** A client that stays for the whole time and keeps a ledger. */
export interface Resident {
  readonly ledger: Ledger;
  readonly ready: Promise<unknown>;
  readonly reconnects: () => number;
  readonly close: () => unknown;
}

/** By turns the SDK, the SDK with deflated frames, and the bare protocol. */
export function startResidents(
  url: string,
  options: { readonly count: number; readonly channels: readonly string[]; readonly books: Books },
): Resident[] {
  const { channels, books } = options;
  return Array.from({ length: options.count }, (_, index) => {
    const own = Array.from({ length: 4 }, (_, at) => channels[(index + at * 5) % channels.length] ?? "");
    const ledger = new Ledger(`resident ${index}`, own, books);
    if (index % 3 === 2) {
      const client = new RawClient(url, own, ledger);
      return {
        ledger,
        ready: client.ready,
        reconnects: () => client.reconnects,
        close: () => client.close(),
      };
    }
    return viaSdk(url, ledger, own, index % 3 === 1);
  });
}

function viaSdk(url: string, ledger: Ledger, channels: readonly string[], isDeflated: boolean): Resident {
  const client: Client = connect(url, {
    onGap: ({ channel, reason }) => ledger.gap(channel, reason),
    ...(isDeflated && { encoding: deflate }),
  });
  const subscriptions = channels.map((channel) =>
    client.subscribe<FeedRecord>(channel, ({ data, ts }) => ledger.message(channel, data, ts)),
  );
  return {
    ledger,
    ready: Promise.all(subscriptions.map(({ ready }) => ready)),
    reconnects: () => client.stats.reconnects,
    close: () => client.close(),
  };
}
