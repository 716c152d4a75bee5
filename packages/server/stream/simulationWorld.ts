import { Dice, SimulationClock } from "./simulationClock.ts";
import { ModelLog } from "./simulationLog.ts";

const HELD_BYTES_MAX = 14_000;

/** What all parts of one run share: its chance, its time, its log, and how hard it is. Everything follows from the seed. */
export class SimulationWorld {
  readonly dice: Dice;
  readonly clock = new SimulationClock();
  readonly log: ModelLog;
  readonly dropping: number;
  readonly repeating: number;
  readonly reordering: number;
  readonly heldBytesMax: number;
  /** Some runs end with a dead bus: the log alone has to do. */
  readonly busDiesAtEnd: boolean;
  /** Whether records have leader epochs. */
  readonly hasLeaders: boolean;
  #quiet = false;
  #failure: string | undefined;

  constructor(seed: number) {
    const dice = new Dice(seed);
    this.dice = dice;
    this.log = new ModelLog(this.clock, new Dice(seed + 1_000_000_007));
    this.dropping = dice.pick([0, 0.01, 0.05, 0.3]);
    this.repeating = dice.pick([0, 0.05]);
    this.reordering = dice.pick([0, 0, 0.05, 0.2]);
    this.heldBytesMax = dice.pick([HELD_BYTES_MAX, 1_000_000]);
    this.busDiesAtEnd = dice.chance(0.15);
    this.log.failing = dice.pick([0, 0, 0.1]);
    this.hasLeaders = dice.chance(0.6);
  }

  /** Whether nothing more is appended, and nothing breaks any more. */
  get quiet(): boolean {
    return this.#quiet;
  }

  /** What went wrong first. */
  get failure(): string | undefined {
    return this.#failure;
  }

  fail(failure: string): void {
    this.#failure ??= failure;
  }

  heal(): void {
    this.#quiet = true;
    this.log.available = true;
    this.log.failing = 0;
  }

  at(delayMs: number, fn: () => void): void {
    this.clock.schedule(delayMs, fn);
  }

  /** Until all is quiet. */
  sometimes(everyMs: number, fn: () => void): void {
    this.at(this.dice.between(1, 2 * everyMs), () => {
      if (this.quiet) return;
      fn();
      this.sometimes(everyMs, fn);
    });
  }
}
