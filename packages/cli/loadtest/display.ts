import type { Sample } from "@shardcast/loadtest/report";
import type { Scenario } from "@shardcast/loadtest/scenario";
import { shown } from "@shardcast/loadtest/summary";
import type { Output } from "../command.ts";
import type { Paint } from "../paint.ts";

const BAR = 28;
const SPARKS = "▁▂▃▄▅▆▇█";
const SPARKS_MAX = 40;
/** Where nobody looks at a screen, a line so often. */
const LINE_SECONDS = 10;

/** Shows a run while it goes on: a panel that is drawn anew on a terminal, elsewhere a line now and then. */
export class Display {
  readonly #scenario: Scenario;
  readonly #out: Output;
  readonly #paint: Paint;
  readonly #rates: number[] = [];
  #heldFrom: number | undefined;
  #drawn = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(scenario: Scenario, out: Output, paint: Paint) {
    this.#scenario = scenario;
    this.#out = out;
    this.#paint = paint;
  }

  show(sample: Sample): void {
    if (sample.phase === "holding") this.#heldFrom ??= sample.atSeconds;
    this.#rates.push(sample.deliveriesPerSecond);
    if (this.#rates.length > SPARKS_MAX) this.#rates.shift();
    if (this.#out.isTerminal) return this.#draw(this.#panel(sample));
    if (sample.atSeconds - this.#toldAt < LINE_SECONDS) return;
    this.#toldAt = sample.atSeconds;
    const [first = "", ...others] = this.#panel(sample);
    this.#write(`${[first, ...others.slice(0, 2)].map((line) => line.trim()).join("  ")}\n`);
  }

  #draw(lines: readonly string[]): void {
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    this.#drawn = lines.length;
    // What a longer panel left below is wiped too. Lines are not wrapped meanwhile: each must stay one.
    this.#write(`${up}\r\x1b[J\x1b[?7l${lines.join("\n")}\x1b[?7h\n`);
  }

  #write(text: string): void {
    // Not waited for: a reader that is gone is no reason to end a run.
    this.#out.write(text).catch(() => undefined);
  }

  #panel(sample: Sample): string[] {
    const { thresholds, connections } = this.#scenario;
    const { p50Ms, p99Ms, generatorCpuShare, machineCpuShare, problems } = sample;
    const percent = (share: number) => `${Math.round(share * 100)} %`;
    const isBottleneck = generatorCpuShare > thresholds.generatorCpuShareMax;
    const bad = Object.entries(problems).filter(([, count]) => count > 0);
    const trouble = bad.map(([name, count]) => `${name} ${shown(count)}`).join("  ");
    return [
      this.#progress(sample),
      `clients ${shown(sample.connected)} of ${shown(connections)}   ${trouble === "" ? "nothing amiss" : this.#paint.red(trouble)}`,
      `deliveries ${shown(Math.round(sample.deliveriesPerSecond))}/s   latency p50 ${p50Ms?.toFixed(1) ?? "–"} p99 ${p99Ms?.toFixed(1) ?? "–"} ms   ${sparks(this.#rates)}`,
      `generator ${percent(generatorCpuShare)} of a core${isBottleneck ? this.#paint.red(" (the bottleneck)") : ""}   machine ${percent(machineCpuShare)}${sample.kafkaLag === undefined ? "" : `   Kafka lag ${shown(sample.kafkaLag)}`}`,
      ...Object.entries(sample.instances).map(
        ([admin, each]) =>
          `${admin.replace(/^https?:\/\//, "")}  ${shown(each.connections)} clients  ${Math.round(each.rssBytes / 2 ** 20)} MiB  loop ${each.eventLoopLagMs.toFixed(0)} ms  queued ${shown(each.queueBytes)} B`,
      ),
    ];
  }

  #progress({ phase, atSeconds, connected }: Sample): string {
    const { connections, holdSeconds } = this.#scenario;
    const held = atSeconds - (this.#heldFrom ?? atSeconds);
    const share =
      phase === "connecting" ? connected / connections : phase === "holding" ? held / holdSeconds : 1;
    const full = Math.max(0, Math.min(BAR, Math.round(share * BAR)));
    const left = phase === "holding" ? `${Math.max(0, Math.round(holdSeconds - held))} s left` : "";
    return `${phase.padEnd(10)} [${"█".repeat(full)}${"·".repeat(BAR - full)}] ${Math.round(atSeconds)} s  ${left}`;
  }
}

function sparks(values: readonly number[]): string {
  const top = Math.max(1, ...values);
  return values.map((value) => SPARKS[Math.round((value / top) * (SPARKS.length - 1))]).join("");
}
