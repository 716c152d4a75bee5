import type { Logger } from "pino";
import { counter, type Figure, gauge } from "../admin/figure.ts";
import { type Balance, balanceOf, type Hindrance, RebalanceRefused } from "../cluster/balance.ts";
import type { SeenInstance } from "../cluster/clusterView.ts";
import { type DepartureOrder, GRACE_MS } from "../gateway/departures.ts";
import { PACE_SHARE } from "./drain.ts";
import { sharesOf, wholeSharesOf } from "./shares.ts";

export interface RebalanceSettings {
  /** By itself, and not only by hand. */
  readonly isOn: boolean;
  /** Distance from the mean at which it begins, as a share of the mean. */
  readonly threshold: number;
  /** Of its clients, what an instance sends away in one round at most. */
  readonly roundShare: number;
  /** All instances that shed together: they may all shed to one. */
  readonly clientsPerSecond: number;
  /** Between rounds, and after an instance came, went or became well: the balancer must have noticed by then. */
  readonly pauseMs: number;
}

export interface RebalancerOptions extends RebalanceSettings {
  readonly instances: () => readonly SeenInstance[];
  readonly shards: readonly SheddingShard[];
  readonly logger: Logger;
  /** In ms, of any origin; never goes back. */
  readonly now: () => number;
}

export interface SheddingShard {
  readonly stats: { readonly connections: number } | undefined;
  depart(order: DepartureOrder): void;
}

export interface RebalanceState {
  readonly isOn: boolean;
  /** `resting`: between two rounds, or until the cluster has settled. */
  readonly state: "off" | "even" | "held" | "resting" | "shedding";
  /** Where it is held. */
  readonly reason?: Hindrance;
  readonly mean: number;
  readonly spreadPercent: number;
  /** Clients of this instance above the mean. */
  readonly excess: number;
}

const LOOK_MS = 1000;
/** Once begun it goes on until the spread is this part of the threshold, so that it does not begin anew all the time. */
const CALM_SHARE = 0.4;
/** Fewer clients than this are no imbalance, however few there are. */
const DISTANCE_MIN = 3;
/** Rounds after which the clients were back double the pause, this often at most. */
const DOUBLINGS_MAX = 6;

const REASONS: Readonly<Record<Hindrance, string>> = {
  alone: "no other instance of this region serves clients",
  unhealthy: "an instance is not well: see /api/cluster",
  silent: "an instance has not been heard of for some seconds",
};

/**
 * Sends the clients away that this instance holds beyond the mean, a few at a time and each in a slot of its own, when
 * the instances of its region are uneven: after one was added or restarted, which a balancer that has only new clients to
 * give would even out after hours. Every instance does so by itself, from the view of the cluster that all share.
 */
export class Rebalancer {
  readonly #options: RebalancerOptions;
  readonly #counts = { rounds: 0, futile: 0 };
  #balance: Balance;
  #nextLookMs = 0;
  #membership = "";
  /** When an instance came, went or was not well. */
  #changedMs: number;
  #isUneven = false;
  #isAsked = false;
  #roundEndMs = Number.NEGATIVE_INFINITY;
  #last: { readonly excess: number; readonly clients: number } | undefined;
  #futileInRow = 0;

  constructor(options: RebalancerOptions) {
    this.#options = options;
    this.#changedMs = options.now();
    this.#balance = balanceOf([]);
  }

  get figures(): readonly Figure[] {
    return [
      gauge(
        "rebalance_spread",
        "The greatest distance of an instance from the mean, as a share of it.",
        () => (this.#balance.hindrance === "alone" ? Number.NaN : this.#balance.spread),
      ),
      gauge("rebalance_excess", "Clients of this instance above the mean.", () => this.#balance.excess),
      gauge(
        "rebalance_held",
        "1 for what keeps clients from being moved.",
        () => ({ alone: 0, unhealthy: 0, silent: 0, ...this.#held() }),
        "reason",
      ),
      counter("rebalance_rounds", "Rounds in which clients were sent away.", () => this.#counts.rounds),
      counter("rebalance_futile", "Rounds after which the clients were back.", () => this.#counts.futile),
    ];
  }

  describe(): RebalanceState {
    const { mean, spread, excess, hindrance } = this.#balance;
    const numbers = { mean: rounded(mean), spreadPercent: rounded(100 * spread), excess };
    const { isOn } = this.#options;
    if (!isOn && !this.#isAsked) return { isOn, state: "off", ...numbers };
    if (hindrance !== undefined) return { isOn, state: "held", reason: hindrance, ...numbers };
    if (this.#options.now() < this.#roundEndMs) return { isOn, state: "shedding", ...numbers };
    return { isOn, state: this.#isUneven ? "resting" : "even", ...numbers };
  }

  /** By hand: at once, however uneven it is, until it is even. Throws `RebalanceRefused`. */
  request(): RebalanceState {
    this.#look();
    const { hindrance } = this.#balance;
    if (hindrance !== undefined) throw new RebalanceRefused(REASONS[hindrance]);
    this.#isAsked = true;
    this.#futileInRow = 0;
    this.#changedMs = Number.NEGATIVE_INFINITY;
    this.#go(this.#roundEndMs);
    return this.describe();
  }

  /** To be called about twice a second, while the instance is not draining. */
  tick(): void {
    const nowMs = this.#options.now();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_MS;
    this.#look();
    if (this.#balance.hindrance !== undefined) this.#isAsked = this.#isUneven = false;
    else if (this.#options.isOn || this.#isAsked)
      this.#go(Math.max(this.#roundEndMs + this.#pauseMs, this.#changedMs + this.#options.pauseMs));
  }

  get #pauseMs(): number {
    return this.#options.pauseMs * 2 ** Math.min(DOUBLINGS_MAX, this.#futileInRow);
  }

  #held(): Record<string, number> {
    const { hindrance } = this.#balance;
    return hindrance === undefined ? {} : { [hindrance]: 1 };
  }

  #look(): void {
    this.#balance = balanceOf(this.#options.instances());
    // One that has just become well has still to be noticed by the balancer: until then it would give the clients back.
    if (this.#balance.hindrance !== undefined) this.#changedMs = this.#options.now();
    const membership = this.#balance.members.map(({ boot }) => boot).join();
    if (membership === this.#membership) return;
    this.#membership = membership;
    this.#changedMs = this.#options.now();
    this.#futileInRow = 0;
  }

  /** Decides on a round, unless it is too early for one. */
  #go(notBeforeMs: number): void {
    const { threshold, now } = this.#options;
    if (now() < notBeforeMs) return;
    if (this.#wasFutile()) return;
    const { spread, distance, excess } = this.#balance;
    const bound = this.#isUneven || this.#isAsked ? threshold * CALM_SHARE : threshold;
    this.#isUneven = spread > bound && distance >= DISTANCE_MIN;
    if (!this.#isUneven) this.#isAsked = false;
    else if (excess > 0) this.#shed();
  }

  #shed(): void {
    const { roundShare, clientsPerSecond, shards, logger, now } = this.#options;
    const { connections, excess, excessOfAll, mean } = this.#balance;
    const clients = Math.min(excess, Math.ceil(connections * roundShare));
    const perSecond = clientsPerSecond * PACE_SHARE * (excess / excessOfAll);
    const held = shards.map(({ stats }) => stats?.connections ?? 0);
    const numbers = wholeSharesOf(clients, held);
    const paces = sharesOf(perSecond, numbers);
    shards.forEach((shard, index) => {
      const own = numbers[index] ?? 0;
      if (own > 0)
        shard.depart({ reason: "rebalancing", clients: own, perSecond: paces[index] ?? perSecond });
    });
    this.#counts.rounds += 1;
    this.#last = { excess, clients };
    this.#roundEndMs = now() + (clients / perSecond) * 1000 + GRACE_MS;
    logger.info({ clients, connections, mean: rounded(mean) }, "rebalancing: more clients than the mean");
  }

  /** Clients that know one address, or whose balancer gives them back, come back for ever: then it is tried less and less. */
  #wasFutile(): boolean {
    const { excess } = this.#balance;
    const last = this.#last;
    this.#last = undefined;
    if (last === undefined) return false;
    if (excess <= last.excess - last.clients / 2) {
      this.#futileInRow = 0;
      return false;
    }
    this.#counts.futile += 1;
    this.#futileInRow += 1;
    const message =
      "rebalancing: the clients that were sent away are back; it needs a balancer that picks the instance with the fewest";
    this.#options.logger.warn({ excess, before: last.excess, nextPauseMs: this.#pauseMs }, message);
    // The longer pause counts from now.
    this.#roundEndMs = this.#options.now();
    return true;
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
