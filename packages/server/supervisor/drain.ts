import type { Logger } from "pino";
import { type DepartureOrder, GRACE_MS } from "../gateway/departures.ts";
import { sharesOf } from "./shares.ts";

export interface DrainOptions {
  /** How long a load balancer needs to notice that the instance is not to get more clients. */
  readonly waitMs: number;
  readonly clientsPerSecond: number;
  /** Of all of it, the end of the shards included. */
  readonly timeoutMs: number;
  readonly shards: readonly DrainingShard[];
  readonly logger: Logger;
}

export interface DrainingShard {
  readonly stats: { readonly connections: number } | undefined;
  /** What it holds in this moment; undefined where it does not answer. */
  ask(question: "connections"): Promise<unknown>;
  retire(): void;
  depart(order: DepartureOrder): void;
}

/** `waiting` for the balancer, `moving` the clients, `ending` the shards. */
export type DrainPhase = "none" | "waiting" | "moving" | "ending";

export interface DrainAnswer {
  readonly phase: string;
  /** Still here. */
  readonly clients: number;
  /** Until the shards are killed. */
  readonly leftMs: number;
}

/** What the health of a draining instance tells people. */
export const DRAIN_PROGRESS: Readonly<Record<DrainPhase, (clients: number) => string>> = {
  none: () => "",
  waiting: (clients) =>
    `this instance is being taken out: the balancer is to notice, ${clients} client(s) here`,
  moving: (clients) => `this instance is being taken out: ${clients} client(s) are still to go`,
  ending: () => "this instance is being taken out: its shards end",
};

/** Slots are spaced a tenth wider than asked for, because networks and event loops bunch what was even. */
export const PACE_SHARE = 0.9;
/** Kept of the time limit for the shards' own end. */
const ENDING_MS = 3000;
const LOOK_MS = 100;

/**
 * Takes an instance out: it says so in its health and hands its partitions over, goes on taking clients until the load
 * balancer has noticed (who is refused would have to wait), and then sends its clients away one after the other, so that
 * the instances that take them in are never asked for more than they let in. What is left at the time limit is closed.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #hurried = Promise.withResolvers<void>();
  #isHurried = false;
  #phase: DrainPhase = "none";
  #beganMs = 0;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get phase(): DrainPhase {
    return this.#phase;
  }

  /** Clients that are still here, by the shards' last beats. */
  get clients(): number {
    return sum(this.#options.shards.map(({ stats }) => stats?.connections ?? 0));
  }

  /** Until the shards are killed, in ms. */
  get leftMs(): number {
    if (this.#phase === "none") return this.#options.timeoutMs;
    return Math.max(0, this.#options.timeoutMs - (performance.now() - this.#beganMs));
  }

  /** What holds of this one, for people: somebody who waits does not wait for a balancer, nor for slots. */
  get pace(): Partial<Pick<DrainOptions, "waitMs" | "clientsPerSecond">> & Pick<DrainOptions, "timeoutMs"> {
    const { waitMs, clientsPerSecond, timeoutMs } = this.#options;
    return this.#isHurried ? { timeoutMs } : { waitMs, clientsPerSecond, timeoutMs };
  }

  begin(): void {
    if (this.#phase !== "none") return;
    this.#beganMs = performance.now();
    this.#phase = "waiting";
    for (const shard of this.#options.shards) shard.retire();
  }

  /** Somebody waits: the clients are closed at once. */
  hurry(): void {
    this.#isHurried = true;
    this.#hurried.resolve();
  }

  /** Resolves when the clients are gone, or their time is over: the shards can then be ended, within `leftMs`. */
  async run(): Promise<void> {
    this.begin();
    const { waitMs, timeoutMs } = this.#options;
    const endMs = this.#beganMs + timeoutMs - Math.min(ENDING_MS, timeoutMs / 2);
    await this.#pause(Math.min(waitMs, endMs - performance.now()));
    this.#phase = "moving";
    if (!this.#isHurried) await this.#move(endMs);
    this.#phase = "ending";
  }

  async #move(endMs: number): Promise<void> {
    const { clientsPerSecond, logger, shards } = this.#options;
    const perSecond = clientsPerSecond * PACE_SHARE;
    // One more each: a shard that is empty may have a client until it hears of this.
    const weights = (await this.#count()).map((count) => count + 1);
    const shares = sharesOf(perSecond, weights);
    shards.forEach((shard, index) => {
      shard.depart({ reason: "draining", perSecond: shares[index] ?? perSecond });
    });
    let clients = sum(await this.#count());
    this.#warnOfTooLittleTime(clients, (clients / perSecond) * 1000 + GRACE_MS, endMs - performance.now());
    while (clients > 0 && performance.now() < endMs && !this.#isHurried) {
      await this.#pause(LOOK_MS);
      clients = sum(await this.#count());
    }
    if (clients > 0 && !this.#isHurried)
      logger.warn({ clients }, "the time is over: clients that are left are closed all at once");
  }

  /** Of each shard, as it is now and not by a beat: one that came a moment ago is not to be overlooked. */
  #count(): Promise<number[]> {
    return Promise.all(
      this.#options.shards.map(async (shard) => {
        const answer = await shard.ask("connections");
        return typeof answer === "number" ? answer : (shard.stats?.connections ?? 0);
      }),
    );
  }

  #warnOfTooLittleTime(clients: number, neededMs: number, leftMs: number): void {
    if (neededMs <= leftMs || clients === 0) return;
    const message =
      "not all clients can go in their turn: raise --drain-timeout-ms, or --drain-clients-per-second if the other instances let in more";
    const fields = { clients, neededMs: Math.round(neededMs), leftMs: Math.round(leftMs) };
    this.#options.logger.warn(fields, message);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isHurried || ms <= 0) return;
    const slept = Promise.withResolvers<void>();
    const timer = setTimeout(slept.resolve, ms);
    await Promise.race([this.#hurried.promise, slept.promise]);
    // Left alone it would keep alive a process that has ended otherwise.
    clearTimeout(timer);
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
