import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import type { Connection } from "./connection.ts";

export type DepartureReason = "draining" | "rebalancing";

/** Which clients of a shard are to go elsewhere, and how fast. */
export interface DepartureOrder {
  readonly reason: DepartureReason;
  /** How many; absent: all. */
  readonly clients?: number;
  /** How many of them go in a second. */
  readonly perSecond: number;
}

/** A client that is still there so long after its slot does not understand `reconnect`: it is closed. */
export const GRACE_MS = 2000;
/** Clients told in one turn of the event loop: each is a write, and the live messages are to go on between. */
const TOLD_PER_TURN = 500;
/** Between looks for those who stayed. */
const LOOK_MS = 100;

/**
 * Sends clients away one after the other, each in a slot of its own that it is told beforehand: whoever takes them in
 * sees a steady trickle and no storm. Those who ignore it are closed, just as one after the other, with a code after
 * which a client comes back and resumes.
 */
export class Departures {
  /** Clients that were told, by reason. */
  readonly told: Record<DepartureReason, number> = { draining: 0, rebalancing: 0 };
  /** Of these, clients that had to be closed. */
  readonly closed: Record<DepartureReason, number> = { draining: 0, rebalancing: 0 };
  readonly #going = new Map<Connection, Slot>();
  readonly #rounds = new Set<Timer>();
  readonly #random: () => number;

  /** `random` in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Clients that were told and are still here. */
  get waiting(): number {
    return this.#going.size;
  }

  /**
   * Tells the clients that have been here for the longest: those who have just come from another instance are not to be
   * sent on. Returns how many will go.
   */
  begin(clients: Iterable<Connection>, { reason, clients: count, perSecond }: DepartureOrder): number {
    const chosen = this.#choose(clients, { reason, count: count ?? Number.POSITIVE_INFINITY });
    const beganMs = performance.now();
    const spacingMs = 1000 / perSecond;
    // The shards of an instance begin together, and their slots are not to coincide.
    const phase = this.#random();
    chosen.forEach((client, index) => {
      this.#going.set(client, { reason, atMs: beganMs + (index + phase) * spacingMs });
    });
    this.#tell(chosen, 0);
    this.#watch(chosen);
    return chosen.length;
  }

  /** The client is gone, however that came about. */
  left(client: Connection): void {
    this.#going.delete(client);
  }

  close(): void {
    for (const timer of this.#rounds) clearInterval(timer);
    this.#rounds.clear();
    this.#going.clear();
  }

  /** Nobody is told twice, but an instance that ends can not wait for the slots of a rebalancing, which may be minutes away. */
  #choose(
    clients: Iterable<Connection>,
    { reason, count }: { readonly reason: DepartureReason; readonly count: number },
  ): Connection[] {
    const chosen: Connection[] = [];
    for (const client of clients) {
      if (chosen.length >= count) break;
      const told = this.#going.get(client)?.reason;
      if (told === undefined || (told === "rebalancing" && reason === "draining")) chosen.push(client);
    }
    return chosen;
  }

  #tell(chosen: readonly Connection[], from: number): void {
    const through = Math.min(chosen.length, from + TOLD_PER_TURN);
    for (let index = from; index < through; index++) {
      const client = chosen[index];
      const slot = client === undefined ? undefined : this.#going.get(client);
      // It may have gone by itself meanwhile.
      if (client === undefined || slot === undefined) continue;
      this.told[slot.reason] += 1;
      client.askToReconnect(Math.max(0, Math.round(slot.atMs - performance.now())), slot.reason);
    }
    if (through < chosen.length) setImmediate(() => this.#tell(chosen, through));
  }

  /** Their slots are in order, so only the first that is still to come is looked at. */
  #watch(chosen: readonly Connection[]): void {
    let next = 0;
    const timer = setInterval(() => {
      for (; next < chosen.length; next++) {
        const client = chosen[next];
        const slot = client === undefined ? undefined : this.#going.get(client);
        if (client === undefined || slot === undefined) continue;
        if (performance.now() < slot.atMs + GRACE_MS) return;
        this.closed[slot.reason] += 1;
        // Two rounds may have it.
        this.#going.delete(client);
        client.socket?.close(CLOSE_CODES.serviceRestart.code, slot.reason);
      }
      clearInterval(timer);
      this.#rounds.delete(timer);
    }, LOOK_MS);
    this.#rounds.add(timer);
  }
}

interface Slot {
  readonly reason: DepartureReason;
  readonly atMs: number;
}
