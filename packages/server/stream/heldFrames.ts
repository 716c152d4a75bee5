import type { RangeFrame } from "../bus/frame.ts";
import type { Publication } from "../publication.ts";

/** A range of a frame without omitted offsets in it, waiting for what comes before it. */
export interface HeldPiece {
  readonly after: number;
  readonly through: number;
  readonly publications: readonly Publication[];
  /** The leader epoch of its frame. */
  readonly epoch?: number | undefined;
  /** The publication at `after` is too large for the bus: only the log has it, so waiting for a frame is vain. */
  readonly afterIsOmitted: boolean;
}

// What a publication and a piece cost beside their bytes: objects, views, array slots, strings (measured: some 340
// bytes for a publication). Counted so that a flood of small or empty frames is bounded too.
const PUBLICATION_OVERHEAD_BYTES = 384;
const PIECE_OVERHEAD_BYTES = 384;

/** The bytes held back over all streams, against their limit. */
export class HeldBudget {
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False where they would not fit. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** One stream's frames that came before their turn, in order of their beginning. Bounded in bytes. */
export class HeldFrames {
  #pieces: HeldPiece[] = [];
  #bytes = 0;
  readonly #bytesMax: number;
  readonly #budget: HeldBudget;

  constructor(bytesMax: number, budget: HeldBudget) {
    this.#bytesMax = bytesMax;
    this.#budget = budget;
  }

  get first(): HeldPiece | undefined {
    return this.#pieces[0];
  }

  /**
   * Keeps a copy: what comes over a bus is a view of the socket's chunk, and one small frame would pin all that lies
   * beside it. "full" where a limit is reached: the piece is then not kept.
   */
  hold(piece: HeldPiece): "held" | "repeated" | "full" {
    let at = this.#pieces.length;
    while (at > 0 && (this.#pieces[at - 1] as HeldPiece).after > piece.after) at--;
    const before = this.#pieces[at - 1];
    // An empty piece stands for an omitted offset and says more than a range that reaches over it.
    if (
      before !== undefined &&
      before.through >= piece.through &&
      before.afterIsOmitted === piece.afterIsOmitted
    ) {
      return "repeated";
    }
    const bytes = bytesOf(piece);
    if (this.#bytes + bytes > this.#bytesMax || !this.#budget.take(bytes)) return "full";
    this.#bytes += bytes;
    this.#pieces.splice(at, 0, copyOf(piece));
    return "held";
  }

  /** Takes out the pieces that begin at or before `delivered`, in order. */
  takeReady(delivered: number): readonly HeldPiece[] {
    let count = 0;
    while (count < this.#pieces.length && (this.#pieces[count] as HeldPiece).after <= delivered) count++;
    if (count === 0) return NONE;
    const ready = this.#pieces.splice(0, count);
    for (const piece of ready) this.#free(bytesOf(piece));
    return ready;
  }

  clear(): void {
    this.#pieces = [];
    this.#free(this.#bytes);
  }

  #free(bytes: number): void {
    this.#bytes -= bytes;
    this.#budget.giveBack(bytes);
  }
}

const NONE: readonly HeldPiece[] = [];

/** Cuts a frame at its omitted offsets, so that each of them is a hole like any other. */
export function piecesOf(frame: RangeFrame): HeldPiece[] {
  const pieces: HeldPiece[] = [];
  let after = frame.after;
  let from = 0;
  let afterIsOmitted = false;
  for (const omitted of frame.omitted) {
    let to = from;
    while (to < frame.publications.length && (frame.publications[to] as Publication).offset < omitted) to++;
    if (omitted - 1 > after || afterIsOmitted) {
      pieces.push({
        after,
        through: omitted - 1,
        publications: frame.publications.slice(from, to),
        epoch: frame.epoch,
        afterIsOmitted,
      });
    }
    after = omitted;
    from = to;
    afterIsOmitted = true;
  }
  const publications = from === 0 ? frame.publications : frame.publications.slice(from);
  pieces.push({ after, through: frame.through, publications, epoch: frame.epoch, afterIsOmitted });
  return pieces;
}

/** With one allocation for all envelopes. */
function copyOf(piece: HeldPiece): HeldPiece {
  let length = 0;
  for (const { envelope } of piece.publications) length += envelope.byteLength;
  const bytes = new Uint8Array(length);
  let at = 0;
  const publications = piece.publications.map((publication) => {
    const envelope = bytes.subarray(at, at + publication.envelope.byteLength);
    envelope.set(publication.envelope);
    at += envelope.byteLength;
    return { ...publication, envelope };
  });
  return { ...piece, publications };
}

function bytesOf(piece: HeldPiece): number {
  let bytes = PIECE_OVERHEAD_BYTES;
  for (const publication of piece.publications) {
    bytes += publication.envelope.byteLength + publication.channel.length + PUBLICATION_OVERHEAD_BYTES;
  }
  return bytes;
}
