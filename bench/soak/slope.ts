/** One look at something that changes with time. */
export interface Sample {
  readonly atSeconds: number;
  readonly value: number;
}

/** Pairs grow with the square of the samples: beyond this many every second, third, … one is left out. */
const SAMPLES_MAX = 400;

/**
 * By how much the value grows in an hour: the median of the slopes between all pairs of samples (Theil 1950, Sen 1968). A
 * collection of garbage here, a burst there do not move it, as they would a line of least squares. NaN below two samples.
 */
export function slopePerHour(samples: readonly Sample[]): number {
  const step = Math.ceil(samples.length / SAMPLES_MAX);
  const chosen = samples.filter((_, at) => at % step === 0);
  const slopes = chosen.flatMap((later, at) =>
    chosen
      .slice(0, at)
      .filter(({ atSeconds }) => atSeconds < later.atSeconds)
      .map((earlier) => (later.value - earlier.value) / (later.atSeconds - earlier.atSeconds)),
  );
  return median(slopes) * 3600;
}

/** NaN where there is none. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}
