/** What one step brought. */
export interface Step {
  /** Handshakes of the whole group a second. */
  readonly handshakesPerSecond: number;
  /** Clients that found every instance full. */
  readonly refused: number;
  /** Clients that a drain sent away. */
  readonly moved: number;
}

interface Instance {
  clients: number;
  readonly readyAtSeconds: number;
  drainedAtSeconds: number | undefined;
}

/** The instances behind a balancer: clients stay where they are until they leave, or their instance is drained. */
export class Group {
  readonly #capacity: number;
  readonly #lifetimeSeconds: number;
  #instances: Instance[] = [];

  /** `capacity`: clients of one instance. `lifetimeSeconds`: how long a client stays, on average. */
  constructor(capacity: number, lifetimeSeconds: number, size: number, clients: number) {
    this.#capacity = capacity;
    this.#lifetimeSeconds = lifetimeSeconds;
    const share = clients / size;
    this.#instances = Array.from({ length: size }, () => ({
      clients: share,
      readyAtSeconds: Number.NEGATIVE_INFINITY,
      drainedAtSeconds: undefined,
    }));
  }

  /** Those that run or begin to, without those that end. */
  get size(): number {
    return this.#staying().length;
  }

  /** Those that cost money. */
  get paidFor(): number {
    return this.#instances.length;
  }

  get clients(): number {
    return this.#instances.reduce((sum, { clients }) => sum + clients, 0);
  }

  /** Clients of each instance that takes some. */
  ready(atSeconds: number): readonly number[] {
    return this.#ready(atSeconds).map(({ clients }) => clients);
  }

  resize(size: number, atSeconds: number, warmUpSeconds: number, drainSeconds: number): void {
    for (let missing = size - this.size; missing > 0; missing--)
      this.#instances.push({
        clients: 0,
        readyAtSeconds: atSeconds + warmUpSeconds,
        drainedAtSeconds: undefined,
      });
    // The youngest go first: they have the fewest clients to send away.
    for (const instance of this.#staying().slice(size)) instance.drainedAtSeconds = atSeconds + drainSeconds;
  }

  /** Lets `seconds` pass, after which `wanted` clients want to be there. */
  step(atSeconds: number, seconds: number, wanted: number): Step {
    const staying = 1 - Math.min(1, seconds / this.#lifetimeSeconds);
    for (const instance of this.#instances) instance.clients *= staying;
    const moved = this.#drain(atSeconds, seconds);
    const missing = wanted - this.clients;
    if (missing < 0) {
      const kept = Math.max(0, wanted / this.clients);
      for (const instance of this.#instances) instance.clients *= kept;
    }
    const arriving = Math.max(0, missing);
    const refused = this.#spread(arriving, atSeconds);
    return { handshakesPerSecond: arriving / seconds, refused, moved };
  }

  #drain(atSeconds: number, seconds: number): number {
    let moved = 0;
    for (const instance of this.#instances) {
      if (instance.drainedAtSeconds === undefined) continue;
      const left = instance.drainedAtSeconds - atSeconds;
      const gone = left <= seconds ? instance.clients : (instance.clients * seconds) / left;
      instance.clients -= gone;
      moved += gone;
    }
    this.#instances = this.#instances.filter(
      ({ drainedAtSeconds }) => drainedAtSeconds === undefined || drainedAtSeconds - atSeconds > seconds,
    );
    return moved;
  }

  /** In turn to all that have room, as a balancer does; returns how many found none. */
  #spread(arriving: number, atSeconds: number): number {
    let left = arriving;
    for (let open = this.#ready(atSeconds); left > 1e-6; ) {
      open = open.filter(({ clients }) => clients < this.#capacity - 1e-6);
      if (open.length === 0) return left;
      const share = left / open.length;
      for (const instance of open) {
        const taken = Math.min(share, this.#capacity - instance.clients);
        instance.clients += taken;
        left -= taken;
      }
    }
    return 0;
  }

  #staying(): Instance[] {
    return this.#instances.filter(({ drainedAtSeconds }) => drainedAtSeconds === undefined);
  }

  #ready(atSeconds: number): Instance[] {
    return this.#staying().filter(({ readyAtSeconds }) => readyAtSeconds <= atSeconds);
  }
}
