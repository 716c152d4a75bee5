import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import { FILES_RESERVED_PER_SHARD, openFilesMax } from "@shardcast/server/supervisor/hostLimits";
import { judge } from "./checks.ts";
import type { GeneratorBeat, GeneratorStart, ToGenerator } from "./generatorMessages.ts";
import { Histogram } from "./histogram.ts";
import { Publisher } from "./publisher.ts";
import { type Quantiles, REPORT_VERSION, type Report, type Sample } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { type InstanceSample, scrapeBus, scrapeInstance } from "./scrape.ts";
import { loopbackAddresses } from "./sourcePorts.ts";

const CONNECTIONS_PER_GENERATOR = 15_000;
const SAMPLE_MS = 1000;
/** A generator that is too busy to answer in this time is counted in the next sample. */
const LOOK_MS_MAX = 900;
/** After the ramp's end for the last handshakes, and after the last publish for the last deliveries. */
const SETTLE_MS_MAX = 60_000;
const QUIET_MS = 1500;

export interface RunOptions {
  readonly scenario: Scenario;
  readonly kafka: KafkaConnectionOptions | undefined;
  /** Ends the run early; there is a report all the same. */
  readonly signal: AbortSignal;
  readonly onSample: (sample: Sample, phase: string) => void;
}

/** Runs a scenario: starts the generators, publishes, looks at the servers every second, and says what came of it. */
export async function runLoadTest(options: RunOptions): Promise<Report> {
  const run = new Run(options);
  try {
    return await run.toEnd();
  } finally {
    run.end();
  }
}

class Run {
  readonly #options: RunOptions;
  readonly #children: Bun.Subprocess[] = [];
  readonly #beats = new Map<number, GeneratorBeat>();
  readonly #latency = new Histogram();
  readonly #second = new Histogram();
  readonly #samples: Sample[] = [];
  readonly #scrapeFailures: Record<string, string> = {};
  readonly #startedMs = performance.now();
  readonly #startedAt = new Date().toISOString();
  #phase = "connecting";
  #audited = 0;
  #answered = 0;
  #before = { deliveries: 0, ms: performance.now() };
  #isSampling = false;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async toEnd(): Promise<Report> {
    const { scenario, signal, kafka } = this.#options;
    const run = scenario.publish === "none" ? undefined : Math.floor(Math.random() * 2 ** 30);
    const sampling = setInterval(() => void this.#sample(), SAMPLE_MS);
    try {
      this.#startGenerators(run);
      const rampMs = (scenario.connections / scenario.connectionsPerSecond) * 1000;
      await this.#until(() => this.#total("subscribed") >= scenario.connections, rampMs + SETTLE_MS_MAX);
      this.#tell({ type: "expect" });
      const publisher = run === undefined ? undefined : new Publisher(scenario, run, kafka);
      await this.#fresh();
      const before = {
        deliveries: this.#total("deliveries"),
        sample: this.#samples.at(-1),
        ms: performance.now(),
      };
      const cpuBefore = this.#total("cpuUs");
      this.#phase = "holding";
      publisher?.start();
      const { storm } = scenario;
      const storming =
        storm && setTimeout(() => this.#tell({ type: "storm", share: storm.share }), storm.atSeconds * 1000);
      await this.#until(() => false, scenario.holdSeconds * 1000);
      clearTimeout(storming);
      const heldSeconds = (performance.now() - before.ms) / 1000;
      this.#phase = "settling";
      await publisher?.stop();
      await this.#settle();
      this.#audited = 0;
      this.#tell({ type: "audit", published: publisher?.acknowledged ?? [] });
      await this.#waitFor(() => this.#audited >= this.#children.length, SETTLE_MS_MAX);
      await this.#fresh();
      const deliveries = this.#total("deliveries") - before.deliveries;
      const serverSeconds = cpuSeconds(this.#samples.at(-1)) - cpuSeconds(before.sample);
      const perDelivery = (us: number) => (deliveries > 0 && us > 0 ? us / deliveries : undefined);
      return this.#report(publisher, signal.aborted, {
        deliveriesPerSecond: deliveries / heldSeconds,
        cpuUsPerDelivery: {
          generator: perDelivery(this.#total("cpuUs") - cpuBefore),
          server: perDelivery(serverSeconds * 1e6),
        },
      });
    } finally {
      clearInterval(sampling);
    }
  }

  end(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #startGenerators(run: number | undefined): void {
    const { scenario } = this.#options;
    const { connections, connectionsPerSecond, handshakesAtOnce, urls } = scenario;
    const isLoopback = urls.every((url) => /^127\./.test(new URL(url).hostname));
    const addresses = loopbackAddresses(Math.random);
    const files = Math.max(1, openFilesMax() - FILES_RESERVED_PER_SHARD);
    const count = Math.ceil(connections / Math.min(CONNECTIONS_PER_GENERATOR, files));
    for (let index = 0; index < count; index++) {
      const first = Math.floor((connections * index) / count);
      const own = Math.floor((connections * (index + 1)) / count) - first;
      this.#spawn({
        ...{ scenario, run, first, count: own, sourceAddresses: isLoopback ? addresses(index) : [] },
        connectionsPerSecond: connectionsPerSecond / count,
        handshakesMax: Math.max(1, Math.floor(handshakesAtOnce / count)),
      });
    }
  }

  #spawn(start: GeneratorStart): void {
    const child = Bun.spawn([process.execPath, new URL("./generatorMain.ts", import.meta.url).pathname], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (beat: GeneratorBeat) => {
        this.#beats.set(beat.pid, beat);
        this.#latency.merge(beat.latency);
        this.#second.merge(beat.latency);
        if (beat.type === "audited") this.#audited += 1;
        else this.#answered += 1;
      },
    });
    this.#children.push(child);
    child.send({ type: "start", start } satisfies ToGenerator);
  }

  #tell(message: ToGenerator): void {
    for (const child of this.#children) if (child.exitCode === null) child.send(message);
  }

  #total(
    key: { [K in keyof GeneratorBeat]: GeneratorBeat[K] extends number ? K : never }[keyof GeneratorBeat],
  ): number {
    return [...this.#beats.values()].reduce((sum, beat) => sum + beat[key], 0);
  }

  #counts(key: "refused" | "closes" | "moves" | "gaps" | "spread"): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const beat of this.#beats.values())
      for (const [name, count] of Object.entries(beat[key])) sums[name] = (sums[name] ?? 0) + count;
    return sums;
  }

  /** Waits until it holds, the time is up, or the user wants the end. */
  async #until(holds: () => boolean, ms: number): Promise<void> {
    await this.#waitFor(() => holds() || this.#options.signal.aborted, ms);
  }

  async #waitFor(holds: () => boolean, ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (!holds() && performance.now() < deadline) {
      const dead = this.#children.find(({ exitCode }) => exitCode !== null);
      if (dead !== undefined)
        throw new Error(`a generator ended with ${dead.exitCode}: what it counted is lost`);
      await Bun.sleep(50);
    }
  }

  /** Until nothing has come for a while. */
  async #settle(): Promise<void> {
    let seen = -1;
    let changedMs = performance.now();
    await this.#waitFor(() => {
      const now = this.#total("deliveries") + this.#total("connected");
      if (now !== seen) changedMs = performance.now();
      seen = now;
      return performance.now() - changedMs > QUIET_MS;
    }, SETTLE_MS_MAX);
  }

  async #sample(): Promise<void> {
    if (this.#isSampling) return;
    this.#isSampling = true;
    const looking = this.#look();
    const { admins, redis, nats } = this.#options.scenario;
    const reading = async <T>(name: string, work: Promise<T>): Promise<T | undefined> => {
      try {
        return await work;
      } catch (error) {
        this.#scrapeFailures[name] = error instanceof Error ? error.message : String(error);
        return undefined;
      }
    };
    const [found, redisFigures, natsFigures] = await Promise.all([
      Promise.all(admins.map(async (admin) => [admin, await reading(admin, scrapeInstance(admin))] as const)),
      redis === undefined ? {} : reading(redis.replace(/\/\/.*@/, "//"), scrapeBus("redis", redis)),
      nats === undefined ? {} : reading(nats, scrapeBus("nats", nats)),
    ]);
    await looking;
    const instances: Record<string, InstanceSample> = {};
    for (const [admin, sample] of found) if (sample !== undefined) instances[admin] = sample;
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#before.ms) / 1000);
    const deliveries = this.#total("deliveries");
    const shares = [...this.#beats.values()].map(({ cpuShare }) => cpuShare);
    const sample: Sample = {
      atSeconds: (now - this.#startedMs) / 1000,
      connected: this.#total("connected"),
      deliveriesPerSecond: (deliveries - this.#before.deliveries) / seconds,
      p50Ms: this.#second.quantileMs(0.5),
      p99Ms: this.#second.quantileMs(0.99),
      generatorCpuShare: Math.max(0, ...shares),
      generatorRssBytes: this.#total("rssBytes"),
      instances,
      bus: { ...redisFigures, ...natsFigures },
    };
    this.#before = { deliveries, ms: now };
    this.#second.clear();
    this.#samples.push(sample);
    this.#isSampling = false;
    this.#options.onSample(sample, this.#phase);
  }

  /** A sample of now, also where one is under way. */
  async #fresh(): Promise<void> {
    while (this.#isSampling) await Bun.sleep(5);
    await this.#sample();
  }

  async #look(): Promise<void> {
    this.#answered = 0;
    this.#tell({ type: "look" });
    const deadline = performance.now() + LOOK_MS_MAX;
    while (this.#answered < this.#children.length && performance.now() < deadline) await Bun.sleep(5);
  }

  #report(
    publisher: Publisher | undefined,
    wasInterrupted: boolean,
    rates: Pick<Report, "deliveriesPerSecond" | "cpuUsPerDelivery">,
  ): Report {
    const { scenario } = this.#options;
    const [handshake, sinceDue] = [new Histogram(), new Histogram()];
    for (const beat of this.#beats.values()) {
      handshake.merge(beat.handshake);
      sinceDue.merge(beat.handshakeSinceDue);
    }
    const report: Omit<Report, "checks"> = {
      version: REPORT_VERSION,
      startedAt: this.#startedAt,
      wasInterrupted,
      scenario: { ...scenario, ...(scenario.redis && { redis: scenario.redis.replace(/\/\/.*@/, "//") }) },
      generators: this.#children.length,
      clock:
        scenario.publish === "none"
          ? "the record's timestamp, in whole ms, against the generator's clock"
          : "the time at which each message was due, against the time of its receipt; both by the clock of this machine, in µs",
      handshakes: {
        done: this.#total("handshakes"),
        refused: this.#counts("refused"),
        ms: quantilesOf(handshake),
        sinceDueMs: quantilesOf(sinceDue),
      },
      connectionsMax: Math.max(0, ...this.#samples.map(({ connected }) => connected)),
      published: publisher?.acknowledged.reduce((sum, count) => sum + count, 0) ?? 0,
      publishFailures: { count: publisher?.failed ?? 0, last: publisher?.lastFailure ?? "" },
      deliveries: this.#total("deliveries"),
      ...rates,
      lost: this.#total("lost"),
      repeated: this.#total("repeated"),
      disordered: this.#total("disordered"),
      repeatedCursors: this.#total("repeatedCursors"),
      strayed: this.#total("strayed"),
      foreign: this.#total("foreign"),
      unfollowedStreams: this.#total("unfollowed"),
      gaps: this.#counts("gaps"),
      resumed: this.#total("resumed"),
      closes: this.#counts("closes"),
      moves: this.#counts("moves"),
      spread: this.#counts("spread"),
      latencyMs: quantilesOf(this.#latency),
      scrapeFailures: this.#scrapeFailures,
      samples: this.#samples,
    };
    return { ...report, checks: judge(report) };
  }
}

function cpuSeconds(sample: Sample | undefined): number {
  return Object.values(sample?.instances ?? {}).reduce((sum, each) => sum + each.cpuSeconds, 0);
}

function quantilesOf(histogram: Histogram): Quantiles {
  const at = (q: number) => histogram.quantileMs(q);
  return { samples: histogram.count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}
