/** How a group of instances follows its load: in the words of Google's autoscaler, which others share. */
export interface AutoscalerSettings {
  readonly signal: "cpu" | "connections" | "both";
  /** Of all cores of the instances, on average. */
  readonly cpuTarget: number;
  /** Of what one instance holds. */
  readonly connectionsTarget: number;
  readonly instancesMin: number;
  readonly instancesMax: number;
  /** The group shrinks only to what would have been enough at every moment of so long. */
  readonly stabilizationSeconds: number;
  /** At most so many fewer within the time below. */
  readonly scaleInMax: number;
  readonly scaleInWindowSeconds: number;
  /** Until a new instance takes clients, and counts. */
  readonly warmUpSeconds: number;
  /** Over which an instance that is taken away sends its clients elsewhere. */
  readonly drainSeconds: number;
}

/** What it sees. */
export interface Signals {
  /** Those that take clients. */
  readonly instances: number;
  /** Their cores' use, on average. */
  readonly cpuShare: number;
  readonly clients: number;
  readonly clientsPerInstance: number;
}

interface Seen {
  readonly atSeconds: number;
  readonly value: number;
}

/** Decides on the size of a group from what it sees, each time it is asked. */
export class Autoscaler {
  readonly #settings: AutoscalerSettings;
  #wanted: Seen[] = [];
  #sizes: Seen[] = [];

  constructor(settings: AutoscalerSettings) {
    this.#settings = settings;
  }

  /** The size that the group, of `size` now, is to have. */
  decide(atSeconds: number, size: number, signals: Signals): number {
    const { instancesMin, instancesMax, stabilizationSeconds, scaleInMax, scaleInWindowSeconds } =
      this.#settings;
    const wanted = Math.min(instancesMax, Math.max(instancesMin, this.#enough(signals)));
    this.#wanted = within(this.#wanted, atSeconds, stabilizationSeconds, wanted);
    this.#sizes = within(this.#sizes, atSeconds, scaleInWindowSeconds, size);
    if (wanted >= size) return wanted;
    const largestWanted = Math.max(...this.#wanted.map(({ value }) => value));
    const largestSize = Math.max(...this.#sizes.map(({ value }) => value));
    return Math.min(size, Math.max(largestWanted, largestSize - scaleInMax));
  }

  /** The fewest instances with which each signal would be at its target. */
  #enough({ instances, cpuShare, clients, clientsPerInstance }: Signals): number {
    const { signal, cpuTarget, connectionsTarget } = this.#settings;
    const byCpu = Math.ceil((instances * cpuShare) / cpuTarget);
    const byConnections = Math.ceil(clients / (clientsPerInstance * connectionsTarget));
    if (signal === "both") return Math.max(byCpu, byConnections);
    return signal === "cpu" ? byCpu : byConnections;
  }
}

function within(seen: readonly Seen[], atSeconds: number, seconds: number, value: number): Seen[] {
  return [...seen.filter((one) => atSeconds - one.atSeconds <= seconds), { atSeconds, value }];
}
