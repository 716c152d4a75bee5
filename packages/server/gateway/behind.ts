/** What a client that has left its topics has to be told of when it joins them again. */
export interface Behind {
  readonly unsentBytes: number;
  /** Places in history from which on it may have missed something: by `latest`, and by a rate. */
  readonly from: number;
  readonly rateFrom: number;
  /** Counts of that time. */
  readonly droppedLastValues: number;
  readonly gaps: number;
}
