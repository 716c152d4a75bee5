import { MARK_STREAMS_MAX } from "@shardcast/protocol/mark";

/** Every bound and brake of the assembly. Times are in ms. */
export interface AssemblerLimits {
  /** Streams followed at once; a mark cannot name more. */
  readonly streamsMax: number;
  /** Streams remembered that are gone: one that is there again goes on where it was. The oldest make room. */
  readonly goneMax: number;
  /** Log reads in flight at once, because every shard of the cluster sees the same loss in the same moment. */
  readonly readsAtOnceMax: number;
  /** A stop for one log read. */
  readonly readBytesMax: number;
  /** Frames held back over all streams; beyond that they are dropped, because the log has them. */
  readonly heldBytesMax: number;
  readonly heldBytesPerStreamMax: number;
  /** A hole is given this long to heal by itself: frames of two owners arrive out of order at a takeover. */
  readonly repairWaitMinMs: number;
  readonly repairWaitMaxMs: number;
  /** So many repairs within the window, and the stream is read forward from the log. */
  readonly repairsMax: number;
  readonly repairsWindowMs: number;
  /** The step in which silence and good service of the bus are counted. Publishers send heads once in it. */
  readonly tickMs: number;
  /** Without a frame or head that reaches what was delivered for this long, a stream is read forward. */
  readonly overdueMs: number;
  /** A bus that has served a stream without a break for this long is trusted with it again. */
  readonly servedMs: number;
  /** After a truncation frames of the old epoch may still be on their way: the bus is not listened to for this long. */
  readonly distrustMs: number;
  /** Between polls of a stream that is read forward and still finds records. */
  readonly forwardBehindMs: number;
  /** The longest wait between polls that find nothing. */
  readonly forwardIdleMs: number;
  /** First and longest wait between tries of a log that does not answer as it should. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Tries of a stretch that the broker answers for but that cannot be read, before it becomes a gap. */
  readonly unreadableTriesMax: number;
  /** Questions to the log about unknown streams in flight at once. */
  readonly discoveriesAtOnceMax: number;
  /** Unknown streams that are remembered, so that each is asked about only once in `discoverAgainMs`. */
  readonly unknownStreamsMax: number;
  readonly discoverAgainMs: number;
}

export const ASSEMBLER_LIMITS: AssemblerLimits = {
  streamsMax: MARK_STREAMS_MAX,
  goneMax: 1_024,
  readsAtOnceMax: 4,
  readBytesMax: 1024 * 1024,
  heldBytesMax: 64 * 1024 * 1024,
  heldBytesPerStreamMax: 8 * 1024 * 1024,
  repairWaitMinMs: 20,
  repairWaitMaxMs: 60,
  repairsMax: 5,
  repairsWindowMs: 10_000,
  tickMs: 1_000,
  overdueMs: 5_000,
  servedMs: 3_000,
  distrustMs: 10_000,
  forwardBehindMs: 250,
  forwardIdleMs: 1_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  unreadableTriesMax: 10,
  discoveriesAtOnceMax: 4,
  unknownStreamsMax: 1_024,
  discoverAgainMs: 5_000,
};
