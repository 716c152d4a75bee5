import type { Frame } from "../bus/frame.ts";
import type { SimulatedShard, SimulatedShards } from "./simulationShards.ts";
import type { SimulationWorld } from "./simulationWorld.ts";

/** The longest that a bus keeps a frame: as late as it likes where records have leaders, otherwise less than distrust lasts. */
const HANGS_MS = { withLeaders: 20_000, without: 7_000 };

/** The bus of a run: it drops, repeats, delays, reorders and cuts. */
export class SimulatedBus {
  readonly #world: SimulationWorld;
  readonly #shards: SimulatedShards;
  readonly #hangsMs: number;
  #cutUntilMs = 0;

  constructor(world: SimulationWorld, shards: SimulatedShards) {
    this.#world = world;
    this.#shards = shards;
    this.#hangsMs = world.hasLeaders ? HANGS_MS.withLeaders : HANGS_MS.without;
  }

  startFaults(): void {
    const { dice, clock } = this.#world;
    this.#world.sometimes(9_000, () => {
      this.#cutUntilMs = clock.nowMs + dice.between(100, 9_000);
    });
  }

  heal(): void {
    this.#cutUntilMs = this.#world.busDiesAtEnd ? Infinity : 0;
  }

  broadcast(frame: Frame, publisher: number): void {
    const { clock, dice, quiet, dropping, repeating } = this.#world;
    if (clock.nowMs < this.#cutUntilMs) return;
    for (const shard of this.#shards.all) {
      if (clock.nowMs < shard.cutUntilMs) continue;
      if (!quiet && dice.chance(dropping)) continue;
      this.#send(frame, publisher, shard);
      if (!quiet && dice.chance(repeating)) this.#send(frame, publisher, shard);
    }
  }

  #send(frame: Frame, publisher: number, shard: SimulatedShard): void {
    const { clock, dice, quiet, reordering, heldBytesMax } = this.#world;
    // A connection may also hang for long: then old frames come when the log has moved on.
    const hangs = dice.chance(0.02) ? this.#hangsMs : dice.chance(0.03) ? 1_500 : 30;
    let arrivalMs = clock.nowMs + dice.between(0, quiet ? 30 : hangs);
    if (!dice.chance(quiet ? 0 : reordering)) {
      arrivalMs = Math.max(arrivalMs, shard.lastArrivalMs[publisher] ?? 0);
      shard.lastArrivalMs[publisher] = arrivalMs;
    }
    // A shard that has crashed meanwhile is closed, and what replaces it has a subscription of its own.
    const { assembler } = shard;
    this.#world.at(arrivalMs - clock.nowMs, () => {
      assembler.onFrame(frame);
      if (assembler.heldBytes > heldBytesMax) this.#world.fail("held more than the limit");
    });
  }
}
