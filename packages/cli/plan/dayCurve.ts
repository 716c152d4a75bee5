/** How many clients want to be connected over a day. It is the same each time: nothing is drawn by chance. */
export interface DayCurve {
  readonly peak: number;
  /** At night, as a share of the peak. */
  readonly nightShare: number;
  /** Up and down over some minutes, as a share of what there would be: what tempts an autoscaler. */
  readonly rippleShare: number;
  readonly rippleMinutes: number;
  /** Twenty minutes of so many more, as a share of the peak, at 21:00. */
  readonly spikeShare: number;
}

const DAY_SECONDS = 86_400;
const SPIKE = { atSeconds: 21 * 3600, seconds: 20 * 60, rampSeconds: 60 };

/** Lowest at 04:00, highest at 16:00. */
export function clientsAt(curve: DayCurve, atSeconds: number): number {
  const night = curve.nightShare * curve.peak;
  const day = (1 - Math.cos((2 * Math.PI * (atSeconds - 4 * 3600)) / DAY_SECONDS)) / 2;
  const smooth = night + (curve.peak - night) * day;
  // Two waves whose lengths do not divide one another, so that no two hours look the same.
  const wave = (minutes: number) => Math.sin((2 * Math.PI * atSeconds) / (minutes * 60));
  const ripple = (wave(curve.rippleMinutes) + wave(curve.rippleMinutes * 0.37)) / 2;
  const sinceSpike = atSeconds - SPIKE.atSeconds;
  const rising = sinceSpike / SPIKE.rampSeconds;
  const falling = (SPIKE.seconds - sinceSpike) / SPIKE.rampSeconds;
  const spike = curve.spikeShare * curve.peak * Math.min(1, Math.max(0, Math.min(rising, falling)));
  return smooth * (1 + curve.rippleShare * ripple) + spike;
}
