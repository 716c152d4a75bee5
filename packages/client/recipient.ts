import type { DataMessage } from "@shardcast/protocol/messages";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import type { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";
import type { Ready } from "./subscription.ts";

/**
 * What is owed of a channel's last value. `WANTED` becomes `DUE` with the answer to a request for it, which the last value
 * follows: the server sends it to all who listen. It is `WANTED` again when the connection ends before it has come.
 */
export type LastValue = 0 | 1 | 2;
export const NOTHING = 0;
export const WANTED = 1;
export const DUE = 2;

/**
 * Where the messages of a channel end up. Its methods are bivariant in the payload, which is the caller's claim: a
 * recipient of `DataMessage<Trade>` is taken as one of any message.
 */
export interface Recipient {
  readonly channel: string;
  /** A number: the `maxRate`. */
  readonly deliveryPolicy: SubscriptionPolicy;
  lastValue: LastValue;
  deliver(message: DataMessage): void;
  tellGap(gap: GapEvent): void;
  /** The first call counts. */
  makeReady(ready: Ready): void;
  /**
   * The last call. `error` is for a `ready` that will not come any more. An iterator throws the `failure`, or just ends where
   * the caller has ended it.
   */
  endWith(error: ShardcastError, failure?: ShardcastError): void;
}
