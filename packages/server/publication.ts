/** One message for one channel, as it travels from the source to the clients. */
export interface Publication {
  /** Position in its stream: a safe integer ≥ 0. */
  readonly offset: number;
  /** The record's timestamp, in ms since 1970. */
  readonly timestampMs: number;
  readonly channel: string;
  /** The JSON text that clients see, UTF-8, built once per message and cluster. May be a view of a larger buffer. */
  readonly envelope: Uint8Array;
}

/** One record of the log before routing. */
export interface SourceRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: ReadonlyArray<readonly [name: string, value: Uint8Array]>;
}
