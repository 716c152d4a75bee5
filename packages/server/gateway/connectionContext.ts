import type { Hub } from "../hub/hub.ts";
import type { StreamLog } from "../log/log.ts";
import type { ConnectionCounters } from "./connectionCounters.ts";
import type { RateLimit } from "./rateLimit.ts";
import type { ReplayLimits } from "./replay.ts";
import type { ReplayQueue } from "./replayQueue.ts";
import type { SlowClients } from "./slowClients.ts";
import type { StreamWaits } from "./streamWaits.ts";

/** What all connections of one shard share. */
export interface ConnectionContext {
  readonly hub: Hub;
  readonly log: Pick<StreamLog, "read">;
  readonly limits: ConnectionLimits;
  readonly replayLimits: ReplayLimits;
  readonly rate: RateLimit;
  readonly counters: ConnectionCounters;
  /** Wall clock in ms since 1970: what the log's timestamps are compared with. */
  readonly now: () => number;
}

export interface SharedContext extends ConnectionContext {
  readonly replays: ReplayQueue;
  readonly waits: StreamWaits;
  readonly slow: SlowClients;
}

export interface ConnectionLimits {
  readonly subscriptionsMax: number;
  /** Unsent bytes at which a replay waits for the client, and bytes of one piece of it. */
  readonly replayBufferBytes: number;
  /** Requests that may wait behind a replay. */
  readonly waitingRequestsMax: number;
  /** Refused requests after which a client is sent away: it does not speak this protocol. */
  readonly refusalsMax: number;
}
