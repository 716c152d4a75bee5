import { bytes, integer } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** What is kept for clients that come back, and how far they may go back. */
export const HISTORY_SETTINGS = {
  historyMessages: {
    name: "history-messages",
    kind: integer(0, 1_000_000),
    group: "history",
    doc: "Messages that each channel keeps in memory for clients that come back.",
    default: 1000,
  },
  historyBytes: {
    name: "history-bytes",
    kind: bytes(0, 64 * 2 ** 30),
    group: "history",
    doc: "Memory for history in each shard, over all channels.",
    default: 64 * 2 ** 20,
  },
  historySeconds: {
    name: "history-seconds",
    kind: integer(0, 7 * 86_400),
    group: "history",
    doc: "Age at which a message leaves the history.",
    default: 300,
  },
  embeddedLogBytes: {
    name: "embedded-log-bytes",
    // A message of 1 MiB takes a little more with its channel, envelope and index.
    kind: bytes(2 * 2 ** 20, 64 * 2 ** 30),
    group: "history",
    doc: "Memory of the supervisor's own log, which holds what comes from HTTP and the demo feed. A batch of publishes that it can not hold at once is refused as a whole.",
    default: 64 * 2 ** 20,
  },
  resumeMaxRecords: {
    name: "resume-max-records",
    kind: integer(0, 100_000_000),
    group: "history",
    doc: "Records that one resume may read from the log where the history does not reach back far enough.",
    default: 100_000,
  },
  resumeMaxBytes: {
    name: "resume-max-bytes",
    kind: bytes(0, 64 * 2 ** 30),
    group: "history",
    doc: "Bytes that one resume may read from the log.",
    default: 32 * 2 ** 20,
  },
  resumeMaxAgeSeconds: {
    name: "resume-max-age-seconds",
    kind: integer(0, 30 * 86_400),
    group: "history",
    doc: "How far back one resume may read in the log. Beyond it the client is told `recovered: false`.",
    default: 3600,
  },
} as const satisfies Record<string, Setting>;
