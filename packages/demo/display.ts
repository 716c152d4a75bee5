const SPARK_SECONDS = 60;
const EVENTS_MAX = 50;
/** Without a message for so many seconds while connected, nobody plays the demo. */
const SILENT_SECONDS = 5;

export interface Figures {
  readonly messages: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly trades: number;
  readonly missing: number;
  readonly repeated: number;
}

/** Everything around the board. */
export class Display {
  readonly #spark: number[] = [];
  #silentSeconds = 0;

  status(status: string): void {
    const element = place("status");
    element.textContent = status;
    element.className = status;
  }

  figures({ messages, p50, p99, trades, missing, repeated }: Figures): void {
    place("rate").textContent = `${messages.toLocaleString("en")}/s`;
    place("latency").textContent =
      p50 === undefined || p99 === undefined ? "–" : `${Math.round(p50)} / ${Math.round(p99)} ms`;
    place("trades").textContent = trades.toLocaleString("en");
    for (const [id, value] of [
      ["missing", missing],
      ["repeated", repeated],
    ] as const) {
      place(id).textContent = value.toLocaleString("en");
      place(id).className = value === 0 ? "good" : "bad";
    }
    this.#drawSpark(p99 ?? 0);
    this.#hint(messages);
  }

  event(text: string, kind: "good" | "bad" | "" = ""): void {
    const item = document.createElement("li");
    item.className = kind;
    const time = document.createElement("time");
    time.textContent = new Date().toLocaleTimeString("en-GB");
    item.append(time, ` ${text}`);
    const list = place("events");
    list.prepend(item);
    while (list.childElementCount > EVENTS_MAX) list.lastElementChild?.remove();
  }

  #drawSpark(p99: number): void {
    this.#spark.push(p99);
    if (this.#spark.length > SPARK_SECONDS) this.#spark.shift();
    const top = Math.max(10, ...this.#spark);
    const first = SPARK_SECONDS - this.#spark.length;
    const points = this.#spark.map((ms, index) => `${first + index},${19 - (18 * ms) / top}`);
    place("spark").querySelector("polyline")?.setAttribute("points", points.join(" "));
  }

  #hint(messages: number): void {
    const isConnected = place("status").textContent === "connected";
    this.#silentSeconds = messages > 0 || !isConnected ? 0 : this.#silentSeconds + 1;
    const hint = place("hint");
    if (messages > 0) hint.hidden = true;
    else if (this.#silentSeconds >= SILENT_SECONDS) {
      hint.hidden = false;
      hint.textContent = "Connected, but no message comes: does this instance run with --demo?";
    }
  }
}

function place(id: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(`#${id}`);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}
