export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface GroupMemberView {
  readonly id: string;
  readonly topics: readonly string[];
  /** What it read when it asked to join. */
  readonly owned: readonly TopicPartition[];
  /** The generation in which it got that: of two members that claim one partition, the newer owns it. */
  readonly generation: number;
}

export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/**
 * Shares the partitions out evenly, and leaves each where it is if it can (sticky). A partition that has to move is
 * in nobody's share this time (cooperative): its owner sees it missing, gives it up in order and joins again, and only
 * then it goes to its new owner. So no partition has two owners, and those that stay are read without a pause.
 */
export function assignPartitions(
  members: readonly GroupMemberView[],
  partitions: readonly TopicPartition[],
): Map<string, TopicPartition[]> {
  const order = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const owners = currentOwners(order, partitions);
  const shares = new Map(order.map(({ id }): [string, TopicPartition[]] => [id, []]));
  const free: TopicPartition[] = [];
  for (const partition of partitions) {
    const owner = owners.get(partitionKey(partition));
    if (owner === undefined) free.push(partition);
    else shares.get(owner)?.push(partition);
  }
  for (const partition of free) {
    const reader = smallest(order, shares, partition.topic);
    if (reader !== undefined) shares.get(reader)?.push(partition);
  }
  balance(order, shares);
  for (const [id, share] of shares) {
    shares.set(
      id,
      share.filter((partition) => (owners.get(partitionKey(partition)) ?? id) === id),
    );
  }
  return shares;
}

function currentOwners(
  members: readonly GroupMemberView[],
  partitions: readonly TopicPartition[],
): Map<string, string> {
  const existing = new Set(partitions.map(partitionKey));
  const owners = new Map<string, GroupMemberView>();
  for (const member of members) {
    for (const partition of member.owned) {
      const key = partitionKey(partition);
      if (!existing.has(key) || !member.topics.includes(partition.topic)) continue;
      const rival = owners.get(key);
      if (rival === undefined || rival.generation < member.generation) owners.set(key, member);
    }
  }
  return new Map([...owners].map(([key, { id }]) => [key, id]));
}

type Shares = Map<string, TopicPartition[]>;

function smallest(members: readonly GroupMemberView[], shares: Shares, topic: string): string | undefined {
  let best: string | undefined;
  for (const { id, topics } of members) {
    if (!topics.includes(topic)) continue;
    if (best === undefined || sizeOf(shares, id) < sizeOf(shares, best)) best = id;
  }
  return best;
}

/** Moves one partition at a time from the largest share to one that is smaller by two or more. */
function balance(members: readonly GroupMemberView[], shares: Shares): void {
  for (let moved = true; moved; ) {
    moved = false;
    const largestFirst = [...members].sort((a, b) => sizeOf(shares, b.id) - sizeOf(shares, a.id));
    for (const { id } of largestFirst) {
      const share = shares.get(id) ?? [];
      const at = share.findLastIndex(({ topic }) => {
        const reader = smallest(members, shares, topic);
        return reader !== undefined && sizeOf(shares, reader) + 1 < share.length;
      });
      const [partition] = at < 0 ? [] : share.splice(at, 1);
      if (partition === undefined) continue;
      shares.get(smallest(members, shares, partition.topic) ?? id)?.push(partition);
      moved = true;
      break;
    }
  }
}

function sizeOf(shares: Shares, id: string): number {
  return shares.get(id)?.length ?? 0;
}
