import { Histogram } from "@shardcast/loadtest/histogram";
import type { Measured, StormAnswer, StormCommand, StormStart } from "./messages.ts";

/** A process of storm clients (`clientProcess.ts`). */
export class StormClients {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  #onAnswer: (answer: StormAnswer) => void = () => {};
  #onEnd: (error: Error) => void = () => {};

  constructor(start: StormStart) {
    const script = new URL("./clientProcess.ts", import.meta.url).pathname;
    this.#child = Bun.spawn([process.execPath, script, JSON.stringify(start)], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (answer: StormAnswer) => this.#onAnswer(answer),
      onExit: (_, code) => this.#onEnd(new Error(`a process of clients ended with ${code}`)),
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when all of its clients have done it. */
  async run(command: Exclude<StormCommand, "measure">): Promise<void> {
    await this.#ask(command);
  }

  /** What happened since the last call. */
  async measure(): Promise<Measured> {
    const answer = await this.#ask("measure");
    if (!("measured" in answer)) throw new Error("clients answered something else");
    return answer.measured;
  }

  end(): void {
    this.#onEnd = () => {};
    this.#child.kill();
  }

  #ask(command: StormCommand): Promise<StormAnswer> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = resolve;
      this.#onEnd = reject;
      this.#child.send(command);
    });
  }
}

/** What several processes measured, as one. */
export function joined(all: readonly Measured[]) {
  const histograms = { latency: new Histogram(), caughtUp: new Histogram(), resumed: new Histogram() };
  const counts = { messages: 0, notRecovered: 0, wrong: 0 };
  const closed: Record<string, number> = {};
  const refused: Record<string, number> = {};
  for (const each of all) {
    for (const name of ["latency", "caughtUp", "resumed"] as const) histograms[name].merge(each[name]);
    for (const name of ["messages", "notRecovered", "wrong"] as const) counts[name] += each[name];
    for (const [code, count] of Object.entries(each.closed)) closed[code] = (closed[code] ?? 0) + count;
    for (const [why, count] of Object.entries(each.refused)) refused[why] = (refused[why] ?? 0) + count;
  }
  return { ...histograms, ...counts, closed, refused };
}
