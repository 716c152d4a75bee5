import { bytes, flag, integer } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** How messages leave for the clients: how many in one write, and how small. */
export const WIRE_SETTINGS = {
  coalesceMaxMs: {
    name: "coalesce-max-ms",
    kind: integer(0, 500),
    group: "gateway",
    doc:
      "The longest that a message may wait so that others can leave in the same write. It waits only while writing to " +
      "clients takes up much of a shard's time (docs/coalescing.md). 0: it never waits.",
    default: 10,
  },
  deflate: {
    name: "deflate",
    kind: flag(),
    group: "gateway",
    doc: "Serve clients that ask for it (`encoding=deflate`) with deflated frames, each compressed once for all who get it.",
    default: true,
  },
  deflateWaitMs: {
    name: "deflate-wait-ms",
    kind: integer(0, 5000),
    group: "gateway",
    doc:
      "The longest that a message waits for others to share its deflated frame. The first one after a quiet time goes at once; " +
      "0: none waits beyond its turn.",
    default: 25,
  },
  deflateLevel: {
    name: "deflate-level",
    kind: integer(1, 12),
    group: "gateway",
    doc: "How hard to compress, from 1 (fast) to 12 (small).",
    default: 6,
  },
  deflateFrameBytes: {
    name: "deflate-frame-bytes",
    kind: bytes(1024, 4 * 2 ** 20),
    group: "gateway",
    doc: "What one deflated frame may hold, uncompressed. A larger message stands alone in its frame.",
    default: 64 * 2 ** 10,
  },
  deflateMaxMemberships: {
    name: "deflate-max-memberships",
    kind: integer(0, 10_000_000),
    group: "gateway",
    doc:
      "Clients that take deflated frames are grouped by what they listen to. This is the sum of the channels of all groups of a " +
      "shard, some 100 bytes each; a client that would need a group beyond it gets plain frames.",
    default: 200_000,
  },
} as const satisfies Record<string, Setting>;
