import { readdirSync } from "node:fs";
import { cpuMs, pssBytes, rssBytes } from "../processes.ts";
import type { Sample } from "./slope.ts";

/** A process of the servers. */
export interface WatchedProcess {
  /** Such as `a, shard 0`. */
  readonly name: string;
  readonly pid: number;
  /** Where its instance tells metrics, and the label by which its own are known there. */
  readonly admin: string;
  readonly label: string;
}

const WATCHED = ["rss", "files", "pss", "heap"] as const;
export type WatchedName = (typeof WATCHED)[number];
export type Series = Readonly<Record<WatchedName, Sample[]>>;

const EVERY_SECONDS = 5;
/** What costs the server more: its own metrics, and the kernel's walk over all of its pages. */
const DEAR_EVERY = 6;

/** Looks every few seconds at what each process holds: memory (bytes) and open files. */
export class ProcessWatch {
  readonly series = new Map<string, Series>();
  readonly #processes: readonly WatchedProcess[];
  readonly #beganMs = performance.now();
  readonly #cpuBeforeMs: number;
  #turn = 0;
  #isEnded = false;
  #failure: unknown;
  readonly #running: Promise<void>;

  constructor(processes: readonly WatchedProcess[]) {
    this.#processes = processes;
    this.#cpuBeforeMs = cpuMs(processes.map(({ pid }) => pid));
    for (const { name } of processes) this.series.set(name, { rss: [], files: [], pss: [], heap: [] });
    this.#running = this.#run();
  }

  get seconds(): number {
    return (performance.now() - this.#beganMs) / 1000;
  }

  /** CPU that the servers take, in cores. */
  get cores(): number {
    return (cpuMs(this.#processes.map(({ pid }) => pid)) - this.#cpuBeforeMs) / 1000 / this.seconds;
  }

  /** Rejects where a process was not there any more: one that has died and been replaced is no flat line. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Whether looking has failed, so that there is no use in going on. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      try {
        await this.#look(this.#turn++ % DEAR_EVERY === 0);
      } catch (error) {
        this.#failure = error;
        return;
      }
      const due = this.#turn * EVERY_SECONDS;
      await Bun.sleep(Math.max(0, due - this.seconds) * 1000);
    }
  }

  async #look(isDear: boolean): Promise<void> {
    const metrics = new Map<string, string>();
    if (isDear) {
      for (const admin of new Set(this.#processes.map((each) => each.admin)))
        metrics.set(admin, await (await fetch(`${admin}/metrics`)).text());
    }
    for (const { name, pid, admin, label } of this.#processes) {
      const add = (what: WatchedName, value: number) =>
        this.series.get(name)?.[what].push({ atSeconds: this.seconds, value });
      add("rss", rssBytes([pid]));
      add("files", openFiles(pid));
      if (!isDear) continue;
      add("pss", pssBytes([pid]));
      add("heap", heapBytes(metrics.get(admin) ?? "", label));
    }
  }
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function heapBytes(metrics: string, label: string): number {
  const line = metrics
    .split("\n")
    .find((each) => each.startsWith("nodejs_heap_size_used_bytes") && each.includes(label));
  return Number(line?.split(" ").at(-1) ?? Number.NaN);
}
