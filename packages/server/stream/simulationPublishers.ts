import type { RangeFrame } from "../bus/frame.ts";
import type { SimulatedBus } from "./simulationBus.ts";
import type { ModelStream } from "./simulationLog.ts";
import type { SimulationWorld } from "./simulationWorld.ts";

interface Reader {
  readonly stream: ModelStream;
  readonly publisher: number;
  position: number;
  /** Infinity for the owner; a former owner goes on until then, because it does not know yet. */
  untilMs: number;
}

const PUBLISHERS = 2;

/** Who reads the streams of a run and publishes them, takes one over from the other, and goes on too long. */
export class SimulatedPublishers {
  readonly #world: SimulationWorld;
  readonly #bus: SimulatedBus;
  #readers: Reader[] = [];

  constructor(world: SimulationWorld, bus: SimulatedBus) {
    this.#world = world;
    this.#bus = bus;
  }

  /** One of them reads the stream from its end on. */
  own(stream: ModelStream): void {
    const publisher = this.#world.dice.between(0, PUBLISHERS - 1);
    this.#readers.push({ stream, publisher, position: stream.next, untilMs: Infinity });
  }

  publishLater(stream: ModelStream): void {
    this.#world.at(this.#world.dice.between(20, 200), () => {
      if (stream.gone) return;
      for (const reader of this.#readers) if (reader.stream === stream) this.#publish(reader);
      this.publishLater(stream);
    });
  }

  startHeads(): void {
    for (let publisher = 0; publisher < PUBLISHERS; publisher++) this.#headsLater(publisher);
  }

  startFaults(): void {
    const { dice, log } = this.#world;
    this.#world.sometimes(5_000, () => this.#takeOver(dice.pick([...log.streams.values()])));
  }

  /** From now on its owner alone reads the stream. */
  endFormerOwners(stream: ModelStream): void {
    this.#readers = this.#readers.filter((reader) => reader.stream !== stream || reader.untilMs === Infinity);
  }

  #publish(reader: Reader): void {
    const { clock, dice, log } = this.#world;
    const { stream } = reader;
    if (!log.available || reader.untilMs < clock.nowMs) return;
    if (reader.position < stream.earliest) reader.position = stream.earliest;
    if (reader.position > stream.next) reader.position = stream.next;
    let batches = dice.between(0, 3);
    while (batches-- > 0 && reader.position < stream.next) {
      const after = reader.position - 1;
      const epoch = stream.leaders[after + 1];
      let through = Math.min(stream.next - 1, after + dice.between(1, 6));
      while (stream.leaders[through] !== epoch) through--;
      const all = stream.publications(after, through);
      const frame: RangeFrame = {
        kind: "range",
        publisher: `p${reader.publisher}`,
        streamId: stream.id,
        after,
        through,
        epoch,
        publications: all.filter(({ offset }) => !stream.large.has(offset)),
        omitted: all.filter(({ offset }) => stream.large.has(offset)).map(({ offset }) => offset),
      };
      reader.position = through + 1;
      this.#bus.broadcast(frame, reader.publisher);
      if (reader.untilMs === Infinity && dice.chance(0.4)) {
        stream.committed = Math.min(stream.next, Math.max(stream.committed, reader.position));
      }
    }
  }

  /** Another publisher goes on from the committed offset; the former owner may not know of it for a while. */
  #takeOver(stream: ModelStream): void {
    const { clock, dice } = this.#world;
    this.#readers = this.#readers.filter(({ untilMs }) => untilMs >= clock.nowMs);
    const owner = this.#readers.find((reader) => reader.stream === stream && reader.untilMs === Infinity);
    if (owner === undefined) return;
    const publisher = dice.chance(0.8) ? 1 - owner.publisher : owner.publisher;
    owner.untilMs = clock.nowMs + (dice.chance(0.5) ? dice.between(0, 2_500) : -1);
    this.#readers.push({ stream, publisher, position: stream.committed, untilMs: Infinity });
  }

  #headsLater(publisher: number): void {
    this.#world.at(1_000, () => {
      const { nowMs } = this.#world.clock;
      const heads = [];
      for (const reader of this.#readers) {
        if (reader.publisher !== publisher || reader.stream.gone || reader.untilMs < nowMs) continue;
        heads.push({ streamId: reader.stream.id, through: reader.position - 1 });
      }
      this.#bus.broadcast({ kind: "heads", publisher: `p${publisher}`, heads }, publisher);
      this.#headsLater(publisher);
    });
  }
}
