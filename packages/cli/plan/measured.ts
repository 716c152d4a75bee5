/** A figure that a plan rests on, and where it was measured. */
export interface Measured {
  readonly value: number;
  readonly unit: string;
  /** A page of this repository, or the command that finds the figure anew. */
  readonly source: string;
}

/**
 * Everything that `shardcast plan` knows of what Shardcast costs: measured on 2 shared cores, under Bun 1.4.5.
 * docs/planning.md tells the same figures, which a test compares.
 */
export const MEASURED = {
  writeMicros: {
    value: 8.7,
    unit: "µs of a core for each write to a client's socket",
    source: "docs/capacity.md: 9.0 µs per delivery where each delivery is a write, less messageMicros",
  },
  messageMicros: {
    value: 0.29,
    unit: "µs of a core for each message to a client, within a write that is made anyway",
    source: "docs/benchmarks.md: CPU per delivery at the most deliveries per second",
  },
  receiveLocalMicros: {
    value: 1.06,
    unit: "µs of a shard for each message that it takes in, without a shared bus",
    source: "docs/bus.md: receiving process, without a bus",
  },
  receiveSharedMicros: {
    value: 1.44,
    unit: "µs of a shard for each message that it takes from Redis or NATS",
    source: "docs/bus.md: receiving process, Redis and NATS",
  },
  publishLocalMicros: {
    value: 3.19,
    unit: "µs of the shard that reads it for each record, without a shared bus",
    source: "docs/bus.md: publishing process, without a bus, the larger of the two",
  },
  publishSharedMicros: {
    value: 5.12,
    unit: "µs of the shard that reads it for each record, to Redis or NATS",
    source: "docs/bus.md: publishing process, NATS, the larger of the two",
  },
  redisMicros: {
    value: 0.29,
    unit: "µs of Redis' one core for each message and shard",
    source: "docs/bus.md: the bus' server, Redis, a third for each that hears",
  },
  natsMicros: {
    value: 0.85,
    unit: "µs of the NATS server's cores for each message and shard",
    source: "docs/bus.md: the bus' server, NATS, a third for each that hears",
  },
  clientBytes: {
    value: 5_487,
    unit: "B of a shard's memory for each client with 10 subscriptions",
    source: "README.md: growth of RSS per client",
  },
  clientKernelBytes: {
    value: 3_872,
    unit: "B of the kernel's memory for each quiet connection",
    source: "docs/planning.md: sizes of its objects in /proc/slabinfo",
  },
  processBytes: {
    value: 100e6,
    unit: "B of each process before its first client",
    source: "docs/capacity.md: some 100 MB each",
  },
  envelopeBytes: {
    value: 84,
    unit: "B around each message's data",
    source: "docs/benchmarks.md: a frame of 346 B for a payload of 262 B",
  },
  handshakesPerSecond: {
    value: 1_000,
    unit: "new connections a second that one core takes",
    source: "docs/capacity.md: 2,000 a second came on two cores, load tester included",
  },
} as const satisfies Record<string, Measured>;

/** Headers that stand around what a write carries: IPv4 and TCP with timestamps, and WebSocket's own. */
export const TCP_HEADER_BYTES = 52;
export const WEBSOCKET_HEADER_BYTES = 4;
