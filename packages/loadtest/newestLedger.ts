import { ChannelSlots } from "./channelSlots.ts";
import type { ClientLedger } from "./ledger.ts";

/** Nothing has been seen. */
const NOTHING = -1;

/**
 * What clients of `latest` or a rate saw: of them nobody can say which messages they should have got, because newer ones may stand
 * for them. But the values of a channel never go back, and the last one comes in any case.
 */
export class NewestLedger implements ClientLedger {
  readonly #slots: ChannelSlots;
  readonly #last: Int32Array;
  /** By client, whether everything that is published is for it. */
  readonly #isDue: Uint8Array;
  /** One may come a second time after the client was behind: that is no fault. */
  readonly repeated = 0;
  disordered = 0;
  /** Catching up goes by channels, so that offsets of a stream do not grow over several of them. */
  readonly repeatedCursors = 0;
  readonly unfollowed = 0;

  constructor(channelsOf: readonly (readonly number[])[]) {
    this.#slots = new ChannelSlots(channelsOf);
    this.#last = new Int32Array(this.#slots.size).fill(NOTHING);
    this.#isDue = new Uint8Array(channelsOf.length);
  }

  expectFrom(client: number): void {
    this.#isDue[client] = 1;
  }

  get strayed(): number {
    return this.#slots.strayed;
  }

  hasHeard(client: number): boolean {
    return this.#slots.hasHeard(client);
  }

  hasHeardAll(client: number): boolean {
    return this.#slots.hasHeardAll(client);
  }

  leave(client: number): void {
    this.#slots.leave(client);
    this.#last.fill(NOTHING, client * this.#slots.width, (client + 1) * this.#slots.width);
    this.#isDue[client] = 0;
  }

  hear(client: number, channel: number): number {
    return this.#slots.hear(client, channel);
  }

  /** The newest value may have stood in the gap, so that what comes next may be an older one. */
  forget(client: number, channel: number): void {
    const at = this.#slots.at(client, channel);
    if (at >= 0) this.#last[at] = NOTHING;
  }

  forgetOffsets(): void {
    // There are none.
  }

  cursor(): void {
    // Such channels are not resumed by what was seen.
  }

  offsetOf(): number {
    return -1;
  }

  message(client: number, channel: number, n: number): void {
    const at = this.hear(client, channel);
    if (at < 0) return;
    if (n < (this.#last[at] as number)) this.disordered += 1;
    else this.#last[at] = n;
  }

  /** Channels of clients that do not end on the last value. One that came late, and got nothing on a channel, is owed nothing of it. */
  lost(sent: readonly number[], failed: readonly (readonly number[])[]): number {
    const due = sent.map((count, channel) => lastTaken(count, failed[channel] ?? []));
    let lost = 0;
    for (const [client, own] of this.#slots.channelsOf.entries()) {
      for (const [slot, channel] of own.entries()) {
        const last = this.#last[client * this.#slots.width + slot] as number;
        const isOwed = this.#isDue[client] === 1 || last !== NOTHING;
        if (isOwed && last < (due[channel] ?? NOTHING)) lost += 1;
      }
    }
    return lost;
  }
}

/** The last number that somebody took; `failed` are those that nobody did, in order. */
function lastTaken(sent: number, failed: readonly number[]): number {
  let last = sent - 1;
  for (let at = failed.length - 1; at >= 0 && failed[at] === last; at--) last -= 1;
  return last;
}
