import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { Pressure } from "../gateway/admission.ts";
import type { DepartureOrder } from "../gateway/departures.ts";
import type { TlsIdentity } from "../gateway/websocket.ts";
import type { HealthReport, ShardHealth } from "../health.ts";
import type { FromShard, Question, ShardStart, ShardStats, StreamPositions, ToShard } from "./ipc.ts";
import type { ShardPermits } from "./shardPermits.ts";

export interface ShardProcessOptions {
  readonly shard: number;
  readonly logger: Logger;
  /** Asked at each start: the port may have been chosen meanwhile. */
  readonly start: () => ShardStart;
  readonly onReady: (port: number) => void;
  readonly onBeat: (positions: StreamPositions) => void;
  /** The shard says that restarting would not help. */
  readonly onFailed: (message: string) => void;
}

/** Between two looks at a shard. */
export const LOOK_MS = 500;
/** A silent shard is killed after this long: hung, it would swallow its share of connections and health checks. */
const SILENT_MS_MAX = 5000;
/** Warming up reads the log, so a shard that is not ready yet may beat late. */
const STARTING_MS_MAX = 60_000;
const RESTART_MS = { min: 100, max: 10_000 };
/** A shard that lived this long is not in a crash loop. */
const STABLE_MS = 30_000;
/** A saturated shard answers late; who scrapes waits 5 s at least. */
const ANSWER_MS_MAX = 4000;
/** In a bundle all entries lie beside one another, as JavaScript. */
const SHARD_MAIN = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../shardMain.ts" : "./shardMain.js", import.meta.url),
);

/** One shard as the supervisor sees it: started, watched, and started anew with backoff when it dies. */
export class ShardProcess {
  readonly #options: ShardProcessOptions;
  #child: Bun.Subprocess<"ignore", "inherit", "inherit"> | undefined;
  #state: ShardHealth["state"] = "starting";
  #stats: ShardStats | undefined;
  #restarts = 0;
  #failuresInRow = 0;
  #startedMs = 0;
  /**
   * Looks since it was last heard of. They are counted, and no time is compared: when the supervisor itself stood
   * still, or the clock was set, its timers run before the beats that have come meanwhile are read.
   */
  #silentLooks = 0;
  #stopping = false;
  #restartTimer: Timer | undefined;
  #nextQuestion = 1;
  readonly #questions = new Map<number, (answer: unknown) => void>();

  constructor(options: ShardProcessOptions) {
    this.#options = options;
  }

  get stats(): ShardStats | undefined {
    return this.#state === "ready" ? this.#stats : undefined;
  }

  get health(): ShardHealth {
    return {
      shard: this.#options.shard,
      pid: this.#child?.pid,
      state: this.#state,
      connections: this.stats?.connections ?? 0,
      restarts: this.#restarts,
    };
  }

  start(): void {
    const { shard, logger, start } = this.#options;
    this.#state = "starting";
    this.#startedMs = performance.now();
    this.#silentLooks = 0;
    const child = Bun.spawn([process.execPath, SHARD_MAIN], {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      serialization: "json",
      // A terminal's Ctrl-C goes to the whole group: shards leave it to the supervisor to end them in order.
      ipc: (message: FromShard) => this.#receive(message),
      onExit: (_, code, signal) => this.#exited(code, signal),
    });
    this.#child = child;
    child.send({ type: "start", start: start() } satisfies ToShard);
    logger.info({ shard, shardPid: child.pid }, "shard started");
  }

  /** Kills a shard that has been silent for too long. To be called every `LOOK_MS`. */
  look(): void {
    if (this.#child === undefined) return;
    this.#silentLooks += 1;
    const silentMs = this.#silentLooks * LOOK_MS;
    if (silentMs <= (this.#state === "starting" ? STARTING_MS_MAX : SILENT_MS_MAX)) return;
    const { shard, logger } = this.#options;
    logger.error({ shard, shardPid: this.#child.pid, silentMs }, "shard is silent: killing it");
    this.#child.kill("SIGKILL");
  }

  setPermits(permits: ShardPermits): void {
    this.#send({ type: "permits", permits });
  }

  setTls(tls: TlsIdentity): void {
    this.#send({ type: "tls", tls });
  }

  tellHealth(report: HealthReport, pressure: Pressure | undefined): void {
    this.#send({ type: "health", report, pressure });
  }

  /** The shard's answer, or undefined where there is none in time. */
  ask(question: Question): Promise<unknown> {
    if (this.#state !== "ready") return Promise.resolve(undefined);
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), ANSWER_MS_MAX);
      const settle = (answer: unknown) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve(answer);
      };
      this.#questions.set(id, settle);
      this.#send({ type: "ask", id, question });
    });
  }

  depart(order: DepartureOrder): void {
    this.#send({ type: "depart", order });
  }

  /** The shard is to end soon: it hands its partitions over, and is not started anew should it die. */
  retire(): void {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    this.#send({ type: "handOver" });
  }

  kill(): void {
    this.#child?.kill("SIGKILL");
  }

  /** Lets the shard end in order, and kills it where it does not within `timeoutMs`, or falls silent. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === undefined) return;
    this.#state = "draining";
    this.#send({ type: "stop" });
    const timer = setTimeout(() => {
      const { shard, logger } = this.#options;
      logger.error({ shard, shardPid: child.pid, timeoutMs }, "shard does not end: killing it");
      child.kill("SIGKILL");
    }, timeoutMs);
    await child.exited;
    clearTimeout(timer);
  }

  #send(message: ToShard): void {
    if (this.#child === undefined || this.#child.killed) return;
    try {
      this.#child.send(message);
    } catch (error) {
      // It died in this moment: its exit is on the way and says so.
      this.#options.logger.debug({ shard: this.#options.shard, err: error }, "message to a dead shard");
    }
  }

  #receive(message: FromShard): void {
    this.#silentLooks = 0;
    switch (message.type) {
      case "ready":
        this.#state = "ready";
        this.#options.onReady(message.port);
        return;
      case "beat":
        this.#stats = message.stats;
        this.#options.onBeat(message.positions);
        return;
      case "answer":
        this.#questions.get(message.id)?.(message.answer);
        return;
      case "failed":
        this.#options.onFailed(message.message);
        return;
    }
  }

  #exited(code: number | null, signal: number | NodeJS.Signals | null): void {
    const { shard, logger } = this.#options;
    this.#child = undefined;
    this.#stats = undefined;
    this.#state = "down";
    for (const settle of [...this.#questions.values()]) settle(undefined);
    if (this.#stopping) return;
    this.#failuresInRow = performance.now() - this.#startedMs > STABLE_MS ? 0 : this.#failuresInRow + 1;
    const ceilingMs = Math.min(RESTART_MS.max, RESTART_MS.min * 2 ** this.#failuresInRow);
    const restartMs = Math.round(ceilingMs / 2 + (Math.random() * ceilingMs) / 2);
    logger.error({ shard, code, signal, restartMs }, "shard died: starting it anew");
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1;
      this.start();
    }, restartMs);
  }
}
