export type KafkaSourceState =
  | "stopped"
  /** Looks for the brokers or waits for the group. */
  | "joining"
  | "reading"
  /** Has left its group because the bus could not be reached. */
  | "released"
  /** Reads or keeps its place in the group only with errors at the moment. */
  | "failing";

export interface KafkaPartitionStats {
  readonly streamId: string;
  /** For people: `odin.trades/3`. */
  readonly name: string;
  readonly position: number;
  readonly accepted: number;
  /** −1 where nothing has been committed. */
  readonly committed: number;
  /** Records, markers included, that the log has beyond what the bus has accepted. */
  readonly lag: number;
  readonly pendingBytes: number;
  readonly paused: boolean;
}

export interface KafkaSourceStats {
  readonly state: KafkaSourceState;
  readonly generation: number;
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  readonly commits: number;
  readonly commitFailures: number;
  readonly rebalances: number;
  /** Members of the group that publish to another bus, as far as this member knows, which it does as the leader. */
  readonly strangers: number;
  readonly errors: number;
  readonly outOfRange: number;
  readonly unreadable: number;
  readonly lastError: string | undefined;
  readonly partitions: readonly KafkaPartitionStats[];
}

/** What a source counts. */
export class KafkaSourceCounters {
  records = 0;
  bytes = 0;
  batches = 0;
  commits = 0;
  commitFailures = 0;
  rebalances = 0;
  /** Members of the group that publish to another bus, as far as this member knows, which it does as the leader. */
  strangers = 0;
  errors = 0;
  outOfRange = 0;
  unreadable = 0;
  lastError: string | undefined;
}
