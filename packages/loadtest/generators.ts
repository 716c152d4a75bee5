import { availableParallelism } from "node:os";
import { FILES_RESERVED_PER_SHARD, openFilesMax } from "@shardcast/server/supervisor/hostLimits";
import type { Access } from "./access.ts";
import { generatorCount } from "./generatorCount.ts";
import type { GeneratorBeat, GeneratorStart, ToGenerator } from "./generatorMessages.ts";
import { Histogram } from "./histogram.ts";
import type { Scenario } from "./scenario.ts";
import { isOwnLoopback, loopbackAddresses } from "./sourcePorts.ts";

/** A generator that is too busy to answer in this time is counted in the next sample. */
const LOOK_MS_MAX = 900;

type NumberKey = {
  [K in keyof GeneratorBeat]: GeneratorBeat[K] extends number ? K : never;
}[keyof GeneratorBeat];
type CountsKey = "disturbed" | "refused" | "closes" | "moves" | "gaps" | "spread";

type Audit = Extract<ToGenerator, { type: "audit" }>;

/** All generator processes, and the sums of what they count. */
export class Generators {
  /** Of the whole run. */
  readonly latency = new Histogram();
  /** Of clients that are slow on purpose, of the whole run. */
  readonly slowLatency = new Histogram();
  /** Since it was last cleared. */
  readonly latencyNow = new Histogram();
  /** Why each that ended by itself has ended. What it counted since its last answer is lost. */
  readonly deaths: string[] = [];
  readonly #children: Bun.Subprocess[] = [];
  readonly #beats = new Map<number, GeneratorBeat>();
  readonly #dead = new Set<number>();
  readonly #onDeath: () => void;
  #answered = new Set<number>();
  #audited = new Set<number>();
  #isEnding = false;

  constructor(scenario: Scenario, options: GeneratorsOptions) {
    this.#onDeath = options.onDeath;
    const { connections, connectionsPerSecond, handshakesAtOnce, urls } = scenario;
    const isLoopback = isOwnLoopback(urls, process.platform);
    const addresses = loopbackAddresses(Math.random);
    const connectionsMax = openFilesMax() - FILES_RESERVED_PER_SHARD;
    const count = generatorCount(scenario, { cores: availableParallelism(), connectionsMax });
    for (let index = 0; index < count; index++) {
      const first = Math.floor((connections * index) / count);
      const own = Math.floor((connections * (index + 1)) / count) - first;
      this.#spawn({
        ...{ scenario, run: options.run, first, count: own, access: options.access },
        sourceAddresses: isLoopback ? addresses(index) : [],
        connectionsPerSecond: connectionsPerSecond / count,
        handshakesMax: Math.max(1, Math.floor(handshakesAtOnce / count)),
      });
    }
  }

  get count(): number {
    return this.#children.length;
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid);
  }

  /** Of the busiest. */
  get cpuShare(): number {
    return Math.max(0, ...[...this.#beats.values()].map(({ cpuShare }) => cpuShare));
  }

  /** Of the one that was late the most. */
  get lagMs(): number {
    return Math.max(0, ...[...this.#beats.values()].map(({ lagMs }) => lagMs));
  }

  tell(message: ToGenerator): void {
    for (const child of this.#children) if (!this.#dead.has(child.pid)) child.send(message);
  }

  /** Asks all for their counts, and waits for a while for the answers. */
  async look(): Promise<void> {
    this.#answered = new Set();
    this.tell({ type: "look" });
    await this.#until(this.#answered, LOOK_MS_MAX);
  }

  /** Has all count what is lost of what was published, and who got nothing. Returns whether each that lives has done so. */
  async audit(audit: Omit<Audit, "type">, withinMs: number): Promise<boolean> {
    this.#audited = new Set();
    this.tell({ type: "audit", ...audit });
    return await this.#until(this.#audited, withinMs);
  }

  total(key: NumberKey): number {
    return [...this.#beats.values()].reduce((sum, beat) => sum + beat[key], 0);
  }

  counts(key: CountsKey): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const beat of this.#beats.values())
      for (const [name, count] of Object.entries(beat[key])) sums[name] = (sums[name] ?? 0) + count;
    return sums;
  }

  histogram(key: "handshake" | "handshakeSinceDue"): Histogram {
    const all = new Histogram();
    for (const beat of this.#beats.values()) all.merge(beat[key]);
    return all;
  }

  end(): void {
    this.#isEnding = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }

  async #until(answered: ReadonlySet<number>, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    const isDone = () => this.#children.every(({ pid }) => answered.has(pid) || this.#dead.has(pid));
    while (!isDone() && performance.now() < deadline) await Bun.sleep(5);
    return isDone();
  }

  #spawn(start: GeneratorStart): void {
    const child = Bun.spawn([process.execPath, `${import.meta.dir}/generatorMain.ts`], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (beat: GeneratorBeat) => this.#hear(beat),
      onExit: ({ pid }, code, signal) => this.#died(pid, signal === null ? `${code}` : `signal ${signal}`),
    });
    this.#children.push(child);
    child.send({ type: "start", start } satisfies ToGenerator);
  }

  #hear(beat: GeneratorBeat): void {
    this.#beats.set(beat.pid, beat);
    this.latency.merge(beat.latency);
    this.latencyNow.merge(beat.latency);
    this.slowLatency.merge(beat.slowLatency);
    if (beat.type === "audited") this.#audited.add(beat.pid);
    else this.#answered.add(beat.pid);
  }

  #died(pid: number, how: string): void {
    if (this.#isEnding) return;
    this.#dead.add(pid);
    this.deaths.push(`process ${pid} ended with ${how}`);
    const last = this.#beats.get(pid);
    // Its connections went with it.
    if (last !== undefined)
      this.#beats.set(pid, { ...last, connected: 0, ready: 0, cpuShare: 0, rssBytes: 0 });
    this.#onDeath();
  }
}

export interface GeneratorsOptions {
  readonly run: number | undefined;
  readonly access: Access;
  readonly onDeath: () => void;
}
