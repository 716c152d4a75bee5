import type { DataMessage } from "@shardcast/protocol/messages";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import type { ShardcastError } from "./errors.ts";
import type { GapEvent } from "./events.ts";

export interface Ready {
  /** False where the server could not resume from `since`: something may be missing before what comes now. */
  readonly recovered: boolean;
  /** Position from which messages go on; opaque. May be kept and given as `since` later. */
  readonly mark: string;
}

/**
 * Where the messages of a channel end up. Its methods are bivariant in the payload, which is the caller's claim: a
 * recipient of `DataMessage<Trade>` is taken as one of any message.
 */
export interface Recipient {
  readonly channel: string;
  /** `wanted` becomes `asked` with the request, and `wanted` again when the connection ends before the answer. */
  snapshot: "none" | "wanted" | "asked";
  /** A number: the `maxRate`. */
  readonly policy: SubscriptionPolicy;
  /** Whether `answer` was called. */
  readonly answered: boolean;
  deliver(message: DataMessage): void;
  gap(gap: GapEvent): void;
  answer(ready: Ready): void;
  /**
   * The last call. `error` is for a `ready` that will not come any more; an iterator throws it, too, unless the caller has
   * ended it (`isWanted`).
   */
  end(error: ShardcastError, isWanted: boolean): void;
}
