import { bytes, integer } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** What one client may ask for, and how long it may keep quiet or lag behind. */
export const LIMIT_SETTINGS = {
  maxMessageBytes: {
    name: "max-message-bytes",
    kind: bytes(128, 16 * 2 ** 20),
    group: "limits",
    doc: "Size of one message from a client. A larger one closes its connection, and the SDK does not come back then; its own are of up to 60,000 bytes.",
    default: 64 * 2 ** 10,
  },
  maxSubscriptions: {
    name: "max-subscriptions",
    kind: integer(1, 100_000),
    group: "limits",
    doc: "Channels that one client may subscribe to at once.",
    default: 1000,
  },
  maxRequestsPerSecond: {
    name: "max-requests-per-second",
    kind: integer(1, 100_000),
    group: "limits",
    doc: "Requests that one client may send; twice as many may come at once.",
    default: 50,
  },
  handshakeTimeoutMs: {
    name: "handshake-timeout-ms",
    kind: integer(100, 120_000),
    group: "limits",
    doc: "A connection on the public port that is no WebSocket (yet) is closed when nothing was asked on it for this long, rounded up to steps of 4 s. A first request that does not end is cut off after 8 to 12 s, whatever is set here.",
    default: 10_000,
  },
  idleTimeoutMs: {
    name: "idle-timeout-ms",
    kind: integer(2_000, 900_000),
    group: "limits",
    doc: "A connection on which nothing comes, not even a pong, is closed after this time.",
    default: 60_000,
  },
  pingIntervalMs: {
    name: "ping-interval-ms",
    kind: integer(1_000, 600_000),
    group: "limits",
    doc: "Time between two pings, by which both sides notice a dead connection.",
    default: 25_000,
  },
  backpressureBytes: {
    name: "backpressure-bytes",
    kind: bytes(16 * 2 ** 10, 2 ** 30),
    group: "limits",
    doc: "Unsent bytes at which a slow client is disconnected, on Linux those in the kernel included. It can come back and resume. Where a larger publication was sent within the last minute or two, the budget is that and a quarter more.",
    default: 2 ** 20,
  },
} as const satisfies Record<string, Setting>;
