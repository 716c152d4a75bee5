import type { GapReason } from "@shardcast/protocol/messages";

/** What the assembly has done and is doing. Counters only grow. */
export interface AssemblerStats {
  readonly frames: number;
  readonly heads: number;
  /** Frames with nothing new in them. */
  readonly repeats: number;
  /** Frames that state no range at all. */
  readonly malformed: number;
  /** Frames of the bus not listened to after a truncation. */
  readonly distrusted: number;
  /** Frames of a log that has lost its end since: dropped. */
  readonly outdated: number;
  readonly holes: number;
  /** Holes that healed before a read began. */
  readonly healed: number;
  readonly repairs: number;
  /** Publications delivered from the log, warm reads included. */
  readonly logPublications: number;
  readonly logReads: number;
  readonly logUnavailable: number;
  readonly logUnreadable: number;
  readonly forwardEntries: Readonly<Record<ForwardCause, number>>;
  readonly forwardExits: number;
  readonly heldDropped: number;
  readonly gaps: Readonly<Record<GapReason, number>>;
  readonly discoveries: number;
  readonly discoveriesRefused: number;
  readonly discoveriesFailed: number;
  /** As of now. */
  readonly streams: number;
  readonly streamsReadForward: number;
  readonly streamsWaitingForLog: number;
  readonly heldBytes: number;
  /** Age of the oldest hole, in ms; 0 where nothing is missing. */
  readonly oldestHoldMs: number;
}

/** Why a stream came to be read forward. */
export type ForwardCause =
  /** Neither frame nor head has reached what was delivered. */
  | "overdue"
  | "repairs"
  /** The bus spoke of offsets that the log does not have. */
  | "contradiction"
  | "truncated"
  /** The log has another leader: only the log can say whether it goes on from what was delivered. */
  | "leader"
  /** It was gone and is there again. */
  | "returned";

export class AssemblerCounters {
  frames = 0;
  heads = 0;
  repeats = 0;
  malformed = 0;
  distrusted = 0;
  outdated = 0;
  holes = 0;
  healed = 0;
  repairs = 0;
  logPublications = 0;
  logReads = 0;
  logUnavailable = 0;
  logUnreadable = 0;
  forwardEntries: Record<ForwardCause, number> = {
    overdue: 0,
    repairs: 0,
    contradiction: 0,
    truncated: 0,
    leader: 0,
    returned: 0,
  };
  forwardExits = 0;
  heldDropped = 0;
  gaps: Record<GapReason, number> = { retention: 0, truncated: 0, unreadable: 0, gone: 0 };
}
