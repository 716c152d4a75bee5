import type { Publication } from "../publication.ts";
import { LatencyWindow } from "./latency.ts";
import { LoopLag } from "./loopLag.ts";

/** What a shard's beat tells of how it fares, beyond its counters. null is what is not known. */
export interface ShardVitals {
  /** From a record's time to its being handed to clients, over the last seconds. */
  readonly latencyP50Ms: number | null;
  readonly latencyP99Ms: number | null;
  /** How late the event loop was, at most, since the beat before. */
  readonly loopLagMs: number;
  readonly busRoundTripMs: number | null;
  /** Handshakes and requests that were refused, since the shard's start. */
  readonly refusals: number;
  /** Connections that broke, or were cut off for slowness. */
  readonly slowClients: number;
  /** Kafka's partitions that this shard reads: those with the most lag, of which there may be more. */
  readonly streams: readonly StreamLag[];
  readonly streamsTotal: number;
  /** Over all of them; null where it reads none. */
  readonly kafkaLag: number | null;
}

export interface StreamLag {
  /** For people: `odin.trades/3`. */
  readonly name: string;
  /** Records that are not read yet. */
  readonly lag: number;
}

/** Streams that one beat names. */
const STREAMS_TOLD_MAX = 64;
const WINDOW_MS = 5000;

export interface VitalParts {
  readonly busRoundTripMs: number | undefined;
  readonly refusals: number;
  readonly slowClients: number;
  /** undefined where this shard reads no Kafka. */
  readonly streams: readonly StreamLag[] | undefined;
}

/** Measures what only the shard itself can: latency and the event loop. */
export class VitalsMeter {
  readonly #latency = new LatencyWindow(WINDOW_MS, performance.now());
  readonly #loop = new LoopLag();
  #isServing = false;

  /** What is delivered before this is the past that a start reads back, and no latency. */
  begin(): void {
    this.#isServing = true;
  }

  delivered(publications: readonly Publication[]): void {
    if (!this.#isServing) return;
    const nowMs = Date.now();
    for (const { timestampMs } of publications) this.#latency.note(nowMs - timestampMs);
  }

  read({ busRoundTripMs, refusals, slowClients, streams }: VitalParts): ShardVitals {
    const [p50, p99] = this.#latency.quantiles([0.5, 0.99], performance.now());
    return {
      latencyP50Ms: p50 ?? null,
      latencyP99Ms: p99 ?? null,
      loopLagMs: this.#loop.worstSinceLast(),
      busRoundTripMs: busRoundTripMs ?? null,
      refusals,
      slowClients,
      streams: mostLagging(streams ?? [], STREAMS_TOLD_MAX),
      streamsTotal: streams?.length ?? 0,
      kafkaLag: streams?.reduce((sum, { lag }) => sum + lag, 0) ?? null,
    };
  }

  close(): void {
    this.#loop.close();
  }
}

export function mostLagging<T extends StreamLag>(streams: readonly T[], max: number): T[] {
  return [...streams].sort((a, b) => b.lag - a.lag || (a.name < b.name ? -1 : 1)).slice(0, max);
}
