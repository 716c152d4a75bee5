import { totalmem } from "node:os";
import { type Figure, gauge } from "../admin/figure.ts";
import type { HealthCheck } from "../health.ts";
import { type CgroupMemory, type MemoryCgroup, readMemory } from "./cgroups.ts";

export interface MemoryWatchOptions {
  readonly cgroups: readonly MemoryCgroup[];
  /** What this instance's processes may take together. Absent: all of the machine. */
  readonly bytesMax?: number | undefined;
  /** From this share of a limit on, new clients are refused. */
  readonly highPercent: number;
  /** Below this share they are let in again. */
  readonly lowPercent: number;
}

export interface MemoryUse extends CgroupMemory {
  /** `cgroup`: all processes of the group. `instance`: this instance's. */
  readonly of: "cgroup" | "instance";
}

/**
 * Watches the memory that is left before the kernel kills somebody: of each control group with a limit, and of what
 * the instance may take. Between the two marks it stays as it was, or clients would be let in and refused in turn.
 */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #instanceMax: number;
  #use: MemoryUse;
  #isPressed = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    this.#instanceMax = options.bytesMax ?? totalmem();
    this.#use = { of: "instance", usedBytes: 0, limitBytes: this.#instanceMax };
  }

  /** No new clients, please. */
  get isPressed(): boolean {
    return this.#isPressed;
  }

  /** Of the limit that is nearest to being reached. */
  get use(): MemoryUse {
    return this.#use;
  }

  /** To be called at every tick; `instanceBytes` is what this instance's processes have resident together. */
  look(instanceBytes: number): void {
    let use: MemoryUse = { of: "instance", usedBytes: instanceBytes, limitBytes: this.#instanceMax };
    for (const cgroup of this.#options.cgroups) {
      const found = readMemory(cgroup);
      if (found !== undefined && share(found) > share(use)) use = { of: "cgroup", ...found };
    }
    this.#use = use;
    const percent = share(use) * 100;
    if (percent >= this.#options.highPercent) this.#isPressed = true;
    else if (percent < this.#options.lowPercent) this.#isPressed = false;
  }

  get check(): HealthCheck {
    const { of, usedBytes, limitBytes } = this.#use;
    const value = `${Math.round(share(this.#use) * 100)} % of ${mebibytes(limitBytes)} MiB (${of})`;
    const limit = `${this.#options.highPercent} %`;
    if (!this.#isPressed) return { status: "ok", value, limit };
    const message =
      `${mebibytes(usedBytes)} MiB are in use: new clients are refused ` +
      `until it is less than ${this.#options.lowPercent} %`;
    return { status: "unhealthy", value, limit, message };
  }
}

export function memoryFigures(watch: MemoryWatch): Figure[] {
  return [
    gauge(
      "memory_used_bytes",
      "Memory used, of the limit nearest to being reached.",
      () => watch.use.usedBytes,
    ),
    gauge("memory_limit_bytes", "That limit.", () => watch.use.limitBytes),
    gauge("memory_pressed", "1 while new clients are refused for lack of memory.", () =>
      watch.isPressed ? 1 : 0,
    ),
  ];
}

function share({ usedBytes, limitBytes }: CgroupMemory): number {
  return limitBytes > 0 ? usedBytes / limitBytes : 1;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
