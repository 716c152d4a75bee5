import { cpus } from "node:os";

/** How busy all cores of this machine are together, from one asking to the next: 1 is no pause on any. */
export class MachineCpu {
  #before = times();

  sinceLast(): number {
    const now = times();
    const all = now.all - this.#before.all;
    const idle = now.idle - this.#before.idle;
    this.#before = now;
    return all > 0 ? 1 - idle / all : 0;
  }
}

function times(): { all: number; idle: number } {
  let all = 0;
  let idle = 0;
  for (const { times: each } of cpus()) {
    all += each.user + each.nice + each.sys + each.idle + each.irq;
    idle += each.idle;
  }
  return { all, idle };
}
