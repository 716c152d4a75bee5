import type { Packer } from "./packer.ts";

/** One message of a turn. The same object for whoever gets it. */
export interface TurnMessage {
  readonly text: string;
  /** Of its UTF-8. */
  readonly bytes: number;
}

/**
 * The messages of one frame, in their order. A batch knows the batches that go on from it, so that groups which have had
 * the same messages hold the very same batch: it is compressed once for all of them.
 */
export class Batch {
  readonly bytes: number;
  readonly #before: Batch | undefined;
  readonly #message: TurnMessage | undefined;
  #next: { readonly message: TurnMessage; readonly batch: Batch } | undefined;
  /** Where not all groups have gone on alike. */
  #others: Map<TurnMessage, Batch> | undefined;
  #packed: Uint8Array | "plain" | undefined;

  constructor(before?: Batch, message?: TurnMessage) {
    this.#before = before;
    this.#message = message;
    this.bytes = (before?.bytes ?? 0) + (message?.bytes ?? 0);
  }

  with(message: TurnMessage): Batch {
    if (this.#next?.message === message) return this.#next.batch;
    let batch = this.#others?.get(message);
    if (batch !== undefined) return batch;
    batch = new Batch(this, message);
    if (this.#next === undefined) this.#next = { message, batch };
    else {
      this.#others ??= new Map();
      this.#others.set(message, batch);
    }
    return batch;
  }

  get texts(): readonly string[] {
    const texts: string[] = [];
    for (let batch: Batch | undefined = this; batch !== undefined; batch = batch.#before) {
      if (batch.#message !== undefined) texts.push(batch.#message.text);
    }
    return texts.reverse();
  }

  /** The frame, or `plain` where these messages had better go each by itself. */
  pack(packer: Packer): Uint8Array | "plain" {
    this.#packed ??= packer.pack(this.texts, this.bytes);
    return this.#packed;
  }
}
