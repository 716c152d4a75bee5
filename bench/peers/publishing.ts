import { nowUs, payload } from "./payload.ts";
import type { RunningPeer } from "./peer.ts";

const TURN_MS = 10;
/** A peer that has not taken what was published by then is not waited for. */
const TAKE_MS_MAX = 10_000;

/** Publishes at a rate that does not wait for the peer: what is due while a request is under way goes with the next. */
export class Publishing {
  readonly #peer: RunningPeer;
  readonly #batch: number;
  #numbers = 0;

  /** Each turn of 10 ms publishes once `batch` messages are due. */
  constructor(peer: RunningPeer, batch: number) {
    this.#peer = peer;
    this.#batch = batch;
  }

  /** Returns how many were due; their times are when they were due, however late they were sent. */
  async run(rate: number, seconds: number): Promise<number> {
    const started = performance.now();
    const startedUs = nowUs();
    const waiting: string[] = [];
    let published = 0;
    let underWay: Promise<void> | undefined;
    let failure: unknown;
    while (performance.now() - started < seconds * 1000) {
      const due = Math.floor(((performance.now() - started) / 1000) * rate) - published;
      if (due >= this.#batch) {
        // A batch is due when its last message is: that this loop comes late to it is a part of the latency.
        for (let index = 0; index < due; index++) {
          const batchEnd = Math.min(due, (Math.floor(index / this.#batch) + 1) * this.#batch);
          const dueUs = startedUs + ((published + batchEnd) / rate) * 1e6;
          waiting.push(payload(this.#numbers++, Math.round(dueUs)));
        }
        published += due;
      }
      if (waiting.length > 0 && underWay === undefined) {
        underWay = this.#peer.publish(waiting.splice(0)).then(
          () => {
            underWay = undefined;
          },
          (error: unknown) => {
            failure = error;
          },
        );
      }
      if (failure !== undefined) throw failure;
      await Bun.sleep(TURN_MS);
    }
    await Promise.race([this.#finish(underWay, waiting), Bun.sleep(TAKE_MS_MAX)]);
    return published;
  }

  async #finish(underWay: Promise<void> | undefined, waiting: readonly string[]): Promise<void> {
    await underWay;
    if (waiting.length > 0) await this.#peer.publish(waiting);
  }
}
