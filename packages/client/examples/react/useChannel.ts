import type { Client, DataMessage, ShardcastError, SubscribeOptions } from "@shardcast/client";
import { useEffect, useState, useSyncExternalStore } from "react";

/** What a component knows of a channel. */
export interface ChannelView<T> {
  /** The newest message; undefined before the first. */
  readonly message?: DataMessage<T>;
  /** Why there are none: the server refused the channel. */
  readonly error?: ShardcastError;
}

/**
 * The newest message of a channel, for as long as the component is there. A component shows states, not every message, so as
 * many come as it can show. `schema` and the client have to be the same at each rendering: make them outside of it.
 */
export function useChannel<T = unknown>(
  client: Client,
  channel: string,
  { maxRate = 10, schema }: Pick<SubscribeOptions<T>, "maxRate" | "schema"> = {},
): ChannelView<T> {
  const [view, setView] = useState<ChannelView<T>>({});
  useEffect(() => {
    const leaving = new AbortController();
    const options = { maxRate, snapshot: true, signal: leaving.signal, ...(schema && { schema }) };
    const subscription = client.subscribe<T>(channel, (message) => setView({ message }), options);
    subscription.ready.catch((error: ShardcastError) => {
      if (!leaving.signal.aborted) setView({ error });
    });
    return () => {
      leaving.abort();
      setView({});
    };
  }, [client, channel, maxRate, schema]);
  return view;
}

/** The client's status, such as `reconnecting`. */
export function useStatus(client: Client): Client["status"] {
  return useSyncExternalStore(
    (onChange) => client.on("status", onChange),
    () => client.status,
  );
}
