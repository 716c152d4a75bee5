import type { Command } from "./command.ts";

/** Loaded one at a time, so that `--help` and `publish` do not wait for a whole server to load. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  "check-config": async () => (await import("./checkConfig.ts")).checkConfig,
  produce: async () => (await import("./produce/produce.ts")).produce,
  publish: async () => (await import("./publish.ts")).publish,
  tail: async () => (await import("./tail.ts")).tail,
  health: async () => (await import("./health.ts")).health,
  loadtest: async () => (await import("./loadtest/loadtest.ts")).loadtest,
  "loadtest compare": async () => (await import("./loadtest/compare.ts")).compare,
  plan: async () => (await import("./plan/plan.ts")).plan,
  "plan autoscale": async () => (await import("./plan/autoscale.ts")).planAutoscale,
  doctor: async () => (await import("./doctor/doctor.ts")).doctor,
};
