/** How many subscriptions all clients of a shard may have together, whatever their policies. */
export class SubscriptionRoom {
  count = 0;
  /**
   * Of resumes under way, which keep theirs from the beginning: what was refused only after its resume would be asked for, and so
   * be sent, once more.
   */
  promised = 0;
  /** Its supervisor shares the instance's cap out among its shards. */
  max = Number.POSITIVE_INFINITY;
  /** Subscriptions refused for lack of room. */
  refused = 0;

  /** How many more there may be. */
  get left(): number {
    return Math.max(0, this.max - this.count - this.promised);
  }
}
