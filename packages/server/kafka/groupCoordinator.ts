import type { KafkaCluster, Lane } from "./cluster.ts";
import { KafkaError, PROTOCOL } from "./kafkaError.ts";
import { type API, findCoordinatorV4 } from "./library.ts";

const GROUP_KEY = 0;
const MOVED: readonly number[] = [
  PROTOCOL.coordinatorLoading,
  PROTOCOL.coordinatorNotAvailable,
  PROTOCOL.notCoordinator,
];

/** The broker that coordinates a group: found when it is asked for, and anew once it may be another one. */
export class GroupCoordinator {
  readonly groupId: string;
  readonly #cluster: KafkaCluster;
  #node: number | undefined;
  #answeredAt = 0;

  constructor(cluster: KafkaCluster, groupId: string) {
    this.#cluster = cluster;
    this.groupId = groupId;
  }

  /** Undefined where it would have to be looked for. */
  get known(): number | undefined {
    return this.#node;
  }

  /** When it last answered, as `performance.now()` says it. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Rejects with a `KafkaError`. */
  async find(): Promise<number> {
    if (this.#node !== undefined) return this.#node;
    const doing = `find the coordinator of the group ${this.groupId}`;
    const { coordinators } = await this.#cluster.useAny(doing, (connection) =>
      findCoordinatorV4.api.async(connection, GROUP_KEY, [this.groupId]),
    );
    const [found] = coordinators;
    if (found === undefined)
      throw new KafkaError("kafka_refused", `Could not ${doing}: the broker names none`);
    this.#cluster.learn(found.nodeId, found);
    this.#node = found.nodeId;
    return found.nodeId;
  }

  /** Calls the node that `find` gave. Rejects with a `KafkaError`. */
  async call<A extends unknown[], R>(
    node: number,
    lane: Lane,
    doing: string,
    api: API<A, R>,
    args: A,
  ): Promise<R> {
    try {
      const answer = await this.#cluster.call(node, lane, doing, api, ...args);
      this.#answeredAt = performance.now();
      return answer;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.protocolCode === 0 || MOVED.includes(error.protocolCode)) this.forget();
      throw error;
    }
  }

  forget(): void {
    this.#node = undefined;
  }
}
