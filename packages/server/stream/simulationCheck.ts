import type { GapReason } from "@shardcast/protocol/messages";
import type { Publication } from "../publication.ts";
import type { ModelLog, ModelStream } from "./simulationLog.ts";

interface Followed {
  readonly start: number;
  position: number;
  /** What the hub holds at each offset, the latest epoch's. */
  readonly got: (Publication | undefined)[];
  /** Offsets that an explicit gap has excused. */
  readonly excused: Set<number>;
  ended: boolean;
  afterGap: boolean;
}

/**
 * Stands where a shard's hub stands, knows the model log, and holds one against the other: each publication once per
 * epoch, in order, none missing but what a gap truly excuses. It notes the first failure, because a throw in the
 * middle of the assembly would hide what comes of it.
 */
export class SimulationCheck {
  readonly name: string;
  failure: string | undefined;
  closed = false;
  readonly #log: ModelLog;
  readonly #streams = new Map<string, Followed>();

  constructor(name: string, log: ModelLog) {
    this.name = name;
    this.#log = log;
  }

  /** From now on the stream is followed, from offset `start`. */
  opened(streamId: string, start: number): void {
    if (this.#streams.has(streamId)) return;
    this.#streams.set(streamId, {
      start,
      position: start - 1,
      got: [],
      excused: new Set(),
      ended: false,
      afterGap: false,
    });
  }

  position(streamId: string): number | undefined {
    return this.#streams.get(streamId)?.position;
  }

  /** Whether the last that it was told of the stream is a gap: the assembler then knows no record to go on from. */
  afterGap(streamId: string): boolean {
    return this.#streams.get(streamId)?.afterGap === true;
  }

  deliver(streamId: string, publications: readonly Publication[], through: number): void {
    this.#note(this.#delivered(streamId, publications, through));
  }

  gap(streamId: string, after: number, through: number, reason: GapReason): void {
    this.#note(this.#skipped(streamId, after, through, reason));
  }

  #delivered(streamId: string, publications: readonly Publication[], through: number): string | undefined {
    const followed = this.#streams.get(streamId);
    const stream = this.#log.streams.get(streamId);
    const at = `${streamId} (${followed?.position}, ${through}]`;
    if (this.closed) return `${at}: delivered after close`;
    if (followed === undefined || stream === undefined) return `${at}: delivered, not followed`;
    if (followed.ended) return `${at}: delivered after its end`;
    if (through <= followed.position) return `${at}: delivered backwards`;
    let last = followed.position;
    for (const publication of publications) {
      if (publication.offset <= last) return `${at}: ${publication.offset} repeated or out of order`;
      if (publication.offset > through) return `${at}: ${publication.offset} beyond its range`;
      last = publication.offset;
      followed.got[publication.offset] = publication;
    }
    const { position } = followed;
    if (!stream.epochs.some((line) => agrees(line, stream, position, through, publications))) {
      const listed = publications.map((publication) => publication.offset).join(" ");
      return `${at}: [${listed}] is not what the log holds there`;
    }
    followed.position = through;
    followed.afterGap = false;
    return undefined;
  }

  #skipped(streamId: string, after: number, through: number, reason: GapReason): string | undefined {
    const followed = this.#streams.get(streamId);
    const stream = this.#log.streams.get(streamId);
    const at = `${streamId} gap ${reason} (${after}, ${through}]`;
    if (this.closed) return `${at}: told after close`;
    if (followed === undefined || stream === undefined) return `${at}: told, not followed`;
    if (after !== followed.position) return `${at}: the position was ${followed.position}`;
    if (reason === "truncated") {
      if (through >= after) return `${at}: a truncation goes back`;
      if (!stream.epochs.some((line, epoch) => epoch > 0 && line.length >= through + 1)) {
        return `${at}: the log never ended there`;
      }
      followed.got.length = Math.min(followed.got.length, through + 1);
    } else if (reason === "gone") {
      if (!stream.gone) return `${at}: the stream is there`;
      followed.ended = true;
    } else {
      if (through <= after) return `${at}: covers nothing`;
      for (let offset = after + 1; offset <= through; offset++) {
        const lost = reason === "retention" ? offset < stream.earliest : stream.unreadable.has(offset);
        const holds = stream.line[offset] !== null && !stream.compacted.has(offset);
        if (holds && !lost) return `${at}: ${offset} can be had`;
        followed.excused.add(offset);
      }
    }
    followed.position = through;
    followed.afterGap = true;
    return undefined;
  }

  /** What still keeps this hub from holding all of the log; undefined where nothing does. */
  incomplete(): string | undefined {
    for (const [streamId, followed] of this.#streams) {
      const stream = this.#log.streams.get(streamId);
      if (stream === undefined) continue;
      if (stream.gone) {
        if (!followed.ended) return `${streamId}: its end was not told`;
        continue;
      }
      if (followed.position !== stream.next - 1) {
        return `${streamId}: stands at ${followed.position}, the log ends at ${stream.next - 1}`;
      }
      for (let offset = followed.start; offset < stream.next; offset++) {
        const publication = stream.line[offset];
        if (publication === null || isSame(followed.got[offset], publication)) continue;
        if (followed.excused.has(offset) || stream.compacted.has(offset)) continue;
        return `${streamId}: ${offset} is missing or of another epoch`;
      }
    }
    return undefined;
  }

  #note(failure: string | undefined): void {
    if (failure !== undefined) this.failure ??= `${this.name}: ${failure}`;
  }
}

/** Whether a line of the log holds exactly these publications in (after, through], compacted ones aside. */
function agrees(
  line: readonly (Publication | null)[],
  stream: ModelStream,
  after: number,
  through: number,
  publications: readonly Publication[],
): boolean {
  if (through >= line.length) return false;
  let index = 0;
  for (let offset = after + 1; offset <= through; offset++) {
    const expected = line[offset];
    if (expected === null || expected === undefined) continue;
    if (isSame(publications[index], expected)) index++;
    else if (!stream.everCompacted.has(offset)) return false;
  }
  return index === publications.length;
}

/** By content: what was held back is a copy. The model log names the epoch in the channel. */
function isSame(one: Publication | undefined, other: Publication | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.offset === other.offset &&
    one.channel === other.channel &&
    one.envelope.byteLength === other.envelope.byteLength
  );
}
