/** Where a generator keeps what it notes of each client's channels, in flat arrays, and whether anything came on them. */
export class ChannelSlots {
  /** By client, the channels by number. */
  readonly channelsOf: readonly (readonly number[])[];
  /** Slots of each client: as many as the client of the most channels has of them. */
  readonly width: number;
  /** Of all clients together. */
  readonly size: number;
  /** Arrived on a channel that the client did not ask for. */
  strayed = 0;
  readonly #heard: Uint8Array;

  constructor(channelsOf: readonly (readonly number[])[]) {
    this.channelsOf = channelsOf;
    this.width = Math.max(1, ...channelsOf.map((own) => own.length));
    this.size = channelsOf.length * this.width;
    this.#heard = new Uint8Array(this.size);
  }

  /** −1 where the client did not ask for the channel. */
  at(client: number, channel: number): number {
    const own = this.channelsOf[client] as readonly number[];
    const likely = channel % own.length;
    const slot = own[likely] === channel ? likely : own.indexOf(channel);
    return slot < 0 ? -1 : client * this.width + slot;
  }

  /** Notes that something came, and returns where; −1 where the client did not ask for the channel. */
  hear(client: number, channel: number): number {
    const at = this.at(client, channel);
    if (at < 0) this.strayed += 1;
    else this.#heard[at] = 1;
    return at;
  }

  hasHeard(client: number): boolean {
    return this.#heardOf(client).includes(1);
  }

  hasHeardAll(client: number): boolean {
    return !this.#heardOf(client).includes(0);
  }

  /** Another client comes in the place of this one. */
  leave(client: number): void {
    this.#heardOf(client).fill(0);
  }

  #heardOf(client: number): Uint8Array {
    const own = this.channelsOf[client] as readonly number[];
    return this.#heard.subarray(client * this.width, client * this.width + own.length);
  }
}
