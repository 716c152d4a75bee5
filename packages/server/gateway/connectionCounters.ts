/** What all connections of one shard have done so far. */
export class ConnectionCounters {
  requests = 0;
  refusals = 0;
  resumed = 0;
  notRecovered = 0;
  replayedMessages = 0;
  replayedBytes = 0;
}
