import { constants, setPriority } from "node:os";

/**
 * Gives the servers the first half of the cores, and what stands for other machines the rest: Kafka, and clients. Those of
 * the storm have the lowest priority there, because thousands of browsers do not keep another's from reading.
 */
export class Apart {
  readonly #servers: string;
  readonly #others: string;
  /** Cores of the servers. */
  readonly cores: number;

  /** Before anything else is started: processes take over where their parents may run. */
  constructor(cores = navigator.hardwareConcurrency) {
    if (cores < 2) throw new Error("--apart wants two cores or more");
    this.cores = Math.floor(cores / 2);
    this.#servers = `0-${this.cores - 1}`;
    this.#others = `${this.cores}-${cores - 1}`;
    pin(process.pid, this.#others);
  }

  pinServers(pids: readonly number[]): void {
    for (const pid of pids) pin(pid, this.#servers);
  }

  putLast(pids: readonly number[]): void {
    for (const pid of pids) setPriority(pid, constants.priority.PRIORITY_LOW);
  }
}

/** With all of its threads. */
function pin(pid: number, cores: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["taskset", "-apc", cores, String(pid)]);
  if (exitCode !== 0) throw new Error(`taskset: ${stderr}`);
}
