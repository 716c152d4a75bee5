import type { AutoscalerSettings } from "./autoscaler.ts";

export interface Preset {
  readonly name: string;
  readonly why: string;
  readonly change: Partial<AutoscalerSettings>;
}

const EAGER = { stabilizationSeconds: 0, scaleInMax: 1000, scaleInWindowSeconds: 0 } as const;

/** Changes to the settings that are asked about, to see beside them what each setting is good for. */
export const PRESETS: readonly Preset[] = [
  {
    name: "10 minutes of stabilization",
    why: "Google's default: shorter than the ups and downs of many loads",
    change: { stabilizationSeconds: 600 },
  },
  { name: "no stabilization", why: "each dip of the load is followed at once", change: EAGER },
  {
    name: "CPU alone, no stabilization",
    why: "the handshakes of clients that a drain sent away call for an instance again",
    change: { ...EAGER, signal: "cpu" },
  },
  {
    name: "targets near the limit",
    why: "nothing is free while a new instance warms up",
    change: { cpuTarget: 0.95, connectionsTarget: 0.98 },
  },
];
