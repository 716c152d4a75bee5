import type { Assembler, AssemblerOptions } from "./assemble.ts";
import { SimulationCheck } from "./simulationCheck.ts";
import type { SimulationWorld } from "./simulationWorld.ts";
import type { AssemblerStats } from "./stats.ts";

export interface SimulatedShard {
  readonly index: number;
  assembler: Assembler;
  check: SimulationCheck;
  running: boolean;
  cutUntilMs: number;
  /** The arrival of the last frame of each publisher: a bus keeps their order. */
  readonly lastArrivalMs: number[];
}

/** The shards of a run, each an assembler with a check where its hub would be; they are cut from the bus, and crash. */
export class SimulatedShards {
  readonly all: SimulatedShard[] = [];
  /** The last words of every assembler that was stopped. */
  readonly stats: AssemblerStats[] = [];
  readonly #world: SimulationWorld;
  readonly #createAssembler: (options: AssemblerOptions) => Assembler;

  constructor(world: SimulationWorld, createAssembler: (options: AssemblerOptions) => Assembler) {
    this.#world = world;
    this.#createAssembler = createAssembler;
  }

  add(index: number): void {
    const shard: SimulatedShard = {
      index,
      ...this.#boot(index),
      running: true,
      cutUntilMs: 0,
      lastArrivalMs: [],
    };
    this.all.push(shard);
    this.#openAll(shard);
  }

  startFaults(): void {
    const { dice, clock } = this.#world;
    this.#world.sometimes(9_000, () => {
      dice.pick(this.all).cutUntilMs = clock.nowMs + dice.between(100, 9_000);
    });
    this.#world.sometimes(10_000, () => this.#crash(dice.pick(this.all)));
  }

  heal(): void {
    for (const shard of this.all) shard.cutUntilMs = 0;
  }

  stop(): void {
    for (const shard of this.all) this.#stop(shard);
  }

  whatIsNotWhole(): string | undefined {
    for (const { index, running, check, assembler } of this.all) {
      if (!running) return `shard ${index} is not running`;
      const incomplete = check.incomplete();
      if (incomplete !== undefined) return `shard ${index}: ${incomplete} at the end`;
      const { streamsReadForward, heldBytes } = assembler.stats;
      if (heldBytes > 0) return `shard ${index}: holds frames at the end`;
      if (streamsReadForward > 0 && !this.#world.busDiesAtEnd)
        return `shard ${index}: does not return to the bus`;
    }
    return undefined;
  }

  #boot(index: number): Pick<SimulatedShard, "assembler" | "check"> {
    const { log, clock, dice, heldBytesMax } = this.#world;
    const check = new SimulationCheck(`shard ${index}`, log);
    const assembler = this.#createAssembler({
      log,
      deliver: (streamId, publications, through) => check.deliver(streamId, publications, through),
      gap: (streamId, after, through, reason) => check.gap(streamId, after, through, reason),
      forget: () => undefined,
      discover: async (streamId) => {
        const found = await log.discover(streamId);
        if (found !== undefined) check.opened(streamId, found.earliest);
        return found;
      },
      schedule: (delayMs, fn) => clock.schedule(delayMs, fn),
      now: () => clock.nowMs,
      random: () => dice.next(),
      limits: {
        heldBytesMax,
        heldBytesPerStreamMax: heldBytesMax * 0.7,
        readBytesMax: 2_000,
        readsAtOnceMax: dice.between(1, 4),
      },
    });
    return { assembler, check };
  }

  #openAll(shard: SimulatedShard): void {
    const { log, dice } = this.#world;
    for (const stream of log.streams.values()) {
      if (stream.gone) continue;
      const start = Math.max(stream.earliest, stream.next - dice.between(0, 40));
      shard.check.opened(stream.id, start);
      void shard.assembler.open(stream.id, start, stream.next);
    }
  }

  #crash(shard: SimulatedShard): void {
    if (!shard.running) return;
    this.#stop(shard);
    shard.lastArrivalMs.length = 0;
    this.#world.at(this.#world.dice.between(0, 3_000), () => {
      Object.assign(shard, this.#boot(shard.index), { running: true });
      this.#openAll(shard);
    });
  }

  #stop(shard: SimulatedShard): void {
    if (!shard.running) return;
    this.stats.push(shard.assembler.stats);
    shard.assembler.close();
    shard.check.closed = true;
    shard.running = false;
  }
}
