import { ModelStream } from "./simulationLog.ts";
import type { SimulatedPublishers } from "./simulationPublishers.ts";
import type { SimulatedShards } from "./simulationShards.ts";
import type { SimulationWorld } from "./simulationWorld.ts";

/** The streams of a run: they grow, and retention, compaction, damage, truncation, new leaders and deletion befall them. */
export class SimulatedStreams {
  readonly #world: SimulationWorld;
  readonly #shards: SimulatedShards;
  readonly #publishers: SimulatedPublishers;

  constructor(world: SimulationWorld, shards: SimulatedShards, publishers: SimulatedPublishers) {
    this.#world = world;
    this.#shards = shards;
    this.#publishers = publishers;
  }

  add(id: string, records: number): void {
    const { dice, log, hasLeaders } = this.#world;
    const stream = new ModelStream(id, hasLeaders ? 0 : undefined);
    for (let i = 0; i < records; i++) stream.append(dice);
    stream.committed = stream.next;
    log.streams.set(id, stream);
    this.#publishers.own(stream);
    this.#appendLater(stream, dice.pick([60, 200, 1_500]));
    this.#publishers.publishLater(stream);
  }

  startFaults(): void {
    const { dice, log } = this.#world;
    const any = () => dice.pick([...log.streams.values()]);
    this.#world.sometimes(4_000, () => {
      const stream = any();
      const earliest = stream.earliest + dice.between(0, Math.max(0, stream.next - stream.earliest));
      stream.earliest = dice.chance(0.3) ? earliest : Math.min(earliest, stream.earliest + 10);
    });
    this.#world.sometimes(3_000, () => {
      const stream = any();
      for (let i = 0; i < 5; i++) stream.compacted.add(dice.between(0, stream.next));
      for (const offset of stream.compacted) {
        if (offset >= stream.next) stream.compacted.delete(offset);
        else stream.everCompacted.add(offset);
      }
    });
    if (dice.chance(0.3)) {
      this.#world.sometimes(8_000, () => {
        const stream = any();
        const from = Math.max(0, stream.next - dice.between(0, 20));
        // Stretches nearer to one another than they are long are told as one gap (see unreadableStretch.ts).
        for (const offset of stream.unreadable) if (from - offset < 20) return;
        const count = dice.between(1, 9);
        for (let offset = from; offset < from + count; offset++) stream.unreadable.add(offset);
      });
    }
    if (dice.chance(0.6)) this.#world.at(dice.between(2_000, 15_000), () => this.#truncate(any()));
    // Another leader that has all the log of the one before.
    this.#world.sometimes(7_000, () => any().changeLeader());
    if (dice.chance(0.1)) {
      this.#world.at(dice.between(2_000, 20_000), () => {
        any().gone = true;
      });
    }
    this.#world.sometimes(9_000, () => {
      log.available = false;
      this.#world.at(dice.between(100, 7_000), () => {
        log.available = true;
      });
    });
  }

  #appendLater(stream: ModelStream, everyMs: number): void {
    const { dice } = this.#world;
    this.#world.at(dice.between(1, 2 * everyMs), () => {
      if (this.#world.quiet || stream.gone) return;
      if (!this.#isFrozen(stream)) {
        const count = dice.between(1, 4);
        for (let i = 0; i < count; i++) stream.append(dice);
      }
      this.#appendLater(stream, everyMs);
    });
  }

  #isFrozen(stream: ModelStream): boolean {
    if (!stream.isFrozen) return false;
    stream.isFrozen = this.#shards.all.some(
      ({ running, check }) => running && (check.position(stream.id) ?? -1) >= stream.next,
    );
    return stream.isFrozen;
  }

  #truncate(stream: ModelStream): void {
    const { dice, hasLeaders } = this.#world;
    const shards = this.#shards.all;
    if (stream.gone) return;
    // Whoever has just been told of a gap knows no record that it could compare (docs/decisions/truncation.md).
    if (hasLeaders && shards.some(({ check }) => check.afterGap(stream.id))) return;
    let next = stream.next - dice.between(1, 30);
    // Without leaders a shard that has not come so far yet could not see it.
    if (!hasLeaders) {
      for (const { running, check } of shards)
        if (running) next = Math.min(next, check.position(stream.id) ?? next);
    }
    if (next < stream.earliest) return;
    stream.truncate(next);
    stream.unreadable.clear();
    stream.isFrozen = !hasLeaders;
    // Many have grown beyond the old end again before anybody looks: only leaders can tell then.
    const regrown = hasLeaders && dice.chance(0.5) ? dice.between(0, 60) : 0;
    for (let i = 0; i < regrown; i++) stream.append(dice);
    // Former owners of the old epoch are not modelled beyond what is on its way already.
    this.#publishers.endFormerOwners(stream);
  }
}
