import type { Assembler, AssemblerOptions } from "./assemble.ts";
import { SimulatedBus } from "./simulationBus.ts";
import { SimulatedPublishers } from "./simulationPublishers.ts";
import { SimulatedShards } from "./simulationShards.ts";
import { SimulatedStreams } from "./simulationStreams.ts";
import { SimulationWorld } from "./simulationWorld.ts";
import type { AssemblerStats } from "./stats.ts";

export interface SimulationResult {
  readonly seed: number;
  /** What went wrong first; undefined for a run that kept every promise. */
  readonly failure: string | undefined;
  /** The last words of every assembler of the run. */
  readonly stats: readonly AssemblerStats[];
}

const ACTIVE_MS = 25_000;
/** Faults have ended by then, so everything must become whole: ten tries of an unreadable stretch take half of it. */
const QUIET_MS = 90_000;

/**
 * One run: a log with holes, retention, compaction, damage and truncation; publishers that take streams over from
 * one another and go on too long; a bus that drops, repeats, delays, reorders and cuts; shards that crash. Everything
 * follows from the seed. The class under test is handed in, so that planted defects can be.
 */
export async function simulate(
  seed: number,
  createAssembler: (options: AssemblerOptions) => Assembler,
): Promise<SimulationResult> {
  const world = new SimulationWorld(seed);
  const { dice, clock } = world;
  const shards = new SimulatedShards(world, createAssembler);
  const bus = new SimulatedBus(world, shards);
  const publishers = new SimulatedPublishers(world, bus);
  const streams = new SimulatedStreams(world, shards, publishers);

  const streamCount = dice.between(1, 2);
  for (let i = 0; i < streamCount; i++) streams.add(`stream${i}`, dice.between(0, 60));
  const shardCount = dice.between(1, 2);
  for (let index = 0; index < shardCount; index++) shards.add(index);
  publishers.startHeads();
  if (dice.chance(0.3)) world.at(dice.between(1_000, 20_000), () => streams.add("late", 5));
  for (const part of [streams, publishers, bus, shards]) part.startFaults();
  await until(world, shards, () => clock.nowMs >= ACTIVE_MS);
  for (const part of [world, bus, shards]) part.heal();
  const isWhole = () => shards.whatIsNotWhole() === undefined;
  await until(world, shards, () => isWhole() || clock.nowMs >= ACTIVE_MS + QUIET_MS);
  const failure = world.failure ?? shards.whatIsNotWhole();
  shards.stop();
  return { seed, failure, stats: shards.stats };
}

/** Lets time pass until something fails or `isDone`, which is asked now and then. */
async function until(world: SimulationWorld, shards: SimulatedShards, isDone: () => boolean): Promise<void> {
  const { clock, log } = world;
  let lookAgainMs = 0;
  while (world.failure === undefined) {
    if (clock.nowMs >= lookAgainMs) {
      if (isDone()) return;
      lookAgainMs = clock.nowMs + 500;
    }
    const { answers } = log;
    clock.step();
    // What awaits an answer of the log goes on before time does.
    if (log.answers !== answers) for (let turn = 0; turn < 6; turn++) await undefined;
    for (const { check } of shards.all) if (check.failure !== undefined) world.fail(check.failure);
  }
}
