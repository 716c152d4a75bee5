import { assignPartitions, partitionKey, type TopicPartition } from "./assign.ts";
import { type KafkaCluster, partitionsOf } from "./cluster.ts";
import { decodeSubscription, encodeShare } from "./groupMessages.ts";

export interface GroupLeaderOptions {
  readonly cluster: Pick<KafkaCluster, "topics">;
  /** Of this member; others may read others. */
  readonly topics: readonly string[];
  readonly busName: string;
  /** So many members publish to another bus. Called when the number changes. */
  readonly strangers: (count: number) => void;
}

/** What a member does where it leads its group: it shares the partitions out, and notices when that has to be done anew. */
export class GroupLeader {
  readonly #options: GroupLeaderOptions;
  /** What was shared out, to notice topics and partitions that come or go; undefined where nothing was. */
  #shared: string | undefined;
  #strangers = 0;

  constructor(options: GroupLeaderOptions) {
    this.#options = options;
  }

  /** The group forms anew, and who leads it then is open. */
  begin(): void {
    this.#shared = undefined;
  }

  /** Another member leads. */
  resign(): void {
    this.#countStrangers(0);
  }

  /**
   * A static leader that came back keeps what was shared out before it crashed. It does not know what that was, so
   * it shares out anew as soon as it looks at the partitions.
   */
  keep(): void {
    this.#shared = "";
  }

  /** Rejects with a `KafkaError`. */
  async share(
    members: readonly { readonly memberId: string; readonly metadata: Buffer }[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    const { cluster, topics, busName } = this.#options;
    const views = members.map(({ memberId, metadata }) => ({
      ...decodeSubscription(metadata),
      id: memberId,
    }));
    this.#countStrangers(views.filter((view) => view.busName !== busName).length);
    const found = await cluster.topics([...new Set(views.flatMap((view) => view.topics))]);
    const partitions = partitionsOf(found);
    const own = new Set(topics);
    this.#shared = fingerprint(partitions.filter(({ topic }) => own.has(topic)));
    return [...assignPartitions(views, partitions)].map(([memberId, share]) => ({
      memberId,
      assignment: encodeShare(share),
    }));
  }

  /** Whether this member has shared out something else than what there is now. */
  isOutdated(partitions: readonly TopicPartition[]): boolean {
    return this.#shared !== undefined && this.#shared !== fingerprint(partitions);
  }

  #countStrangers(count: number): void {
    if (count === this.#strangers) return;
    this.#strangers = count;
    this.#options.strangers(count);
  }
}

function fingerprint(partitions: readonly TopicPartition[]): string {
  return partitions.map(partitionKey).sort().join(" ");
}
