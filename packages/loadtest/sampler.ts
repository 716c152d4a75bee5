import type { Generators } from "./generators.ts";
import { MachineCpu } from "./machineCpu.ts";
import { OwnCpu } from "./ownCpu.ts";
import type { Phase, Sample } from "./report.ts";
import type { ServerWatch } from "./serverWatch.ts";
import { sumOf } from "./sumOf.ts";
import { TimerLag } from "./timerLag.ts";

const SAMPLE_MS = 1000;

/** Looks at generators and servers once a second. A look that takes longer puts off the next one. */
export class Sampler {
  readonly samples: Sample[] = [];
  readonly startedAt = new Date().toISOString();
  phase: Phase = "connecting";
  readonly #generators: Generators;
  readonly #watch: ServerWatch;
  readonly #onSample: (sample: Sample) => void;
  readonly #machine = new MachineCpu();
  readonly #cpu = new OwnCpu();
  readonly #lag = new TimerLag();
  readonly #startedMs = performance.now();
  readonly #timer: Timer;
  #before = { deliveries: 0, ms: performance.now() };
  #isLooking = false;

  constructor(generators: Generators, watch: ServerWatch, onSample: (sample: Sample) => void) {
    this.#generators = generators;
    this.#watch = watch;
    this.#onSample = onSample;
    this.#timer = setInterval(() => void this.#look(), SAMPLE_MS);
  }

  /** Of all instances, when they were last looked at. */
  get serverCpuSeconds(): number {
    const { instances = {} } = this.samples.at(-1) ?? {};
    return Object.values(instances).reduce((sum, each) => sum + each.cpuSeconds, 0);
  }

  /** A sample of now, also where one is under way. */
  async fresh(): Promise<void> {
    while (this.#isLooking) await Bun.sleep(5);
    await this.#look();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#lag.end();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const generators = this.#generators;
    const { phase } = this;
    const [servers] = await Promise.all([this.#watch.look(), generators.look()]);
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#before.ms) / 1000);
    const deliveries = generators.total("deliveries");
    const sample: Sample = {
      ...{ ...servers, phase, atSeconds: (now - this.#startedMs) / 1000 },
      connected: generators.total("connected"),
      deliveriesPerSecond: (deliveries - this.#before.deliveries) / seconds,
      p50Ms: generators.latencyNow.quantileMs(0.5),
      p99Ms: generators.latencyNow.quantileMs(0.99),
      generatorCpuShare: generators.cpuShare,
      generatorLagMs: generators.lagMs,
      generatorRssBytes: generators.total("rssBytes"),
      publisherCpuShare: this.#cpu.sinceLast(),
      publisherLagMs: this.#lag.sinceLast(),
      machineCpuShare: this.#machine.sinceLast(),
      problems: {
        refused: sumOf(generators.counts("refused")),
        disconnects: sumOf(generators.counts("closes")),
        gaps: sumOf(generators.counts("gaps")),
        repeated: generators.total("repeated"),
        disordered: generators.total("disordered"),
      },
    };
    this.#before = { deliveries, ms: now };
    generators.latencyNow.clear();
    this.samples.push(sample);
    this.#isLooking = false;
    this.#onSample(sample);
  }
}
