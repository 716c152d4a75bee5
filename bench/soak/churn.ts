import { type Leaving, type Visit, type VisitEnd, visit } from "./visitor.ts";

/** What kinds of visitors there are; of a hundred, how many are of each. */
const KINDS = {
  WebSocket: 58,
  "WebSocket, resuming": 14,
  "WebSocket, deflated": 6,
  "event stream": 8,
  "half-open handshake": 5,
  "silent, answers no ping": 3,
  "does not read": 3,
  "sends nonsense": 3,
} as const;
export type Kind = keyof typeof KINDS;

export interface KindCounts {
  came: number;
  subscribed: number;
  /** Of those, how each went; `server`: the server ended it first. */
  readonly left: Record<Leaving | "server", number>;
  /** No connection, or one that the server never ended. */
  failed: number;
}

export interface ChurnOptions {
  /** Public ports to go to, by turns: of instances, and of what stands before them. */
  readonly ports: readonly number[];
  readonly perSecond: number;
  /** Channels that are busy, and of the large messages that a client can fall behind on. */
  readonly channels: readonly string[];
  readonly bulkChannel: string;
  readonly random: () => number;
}

const STAYS_MS = { min: 0, max: 8000 };
const STALLED_STAYS_MS = 20_000;
/** Marks of others, to resume from: the oldest are older than the servers' histories. */
const MARKS_MAX = 3000;
const FAILURES_MAX = 20;

/** Connections that come and vanish, at a steady rate, in all the ways that there are. */
export class Churn {
  readonly counts = new Map<Kind, KindCounts>();
  readonly failures: string[] = [];
  readonly #options: ChurnOptions;
  readonly #deck: readonly Kind[];
  readonly #here = new Set<Promise<void>>();
  readonly #marks: string[] = [];
  readonly #running: Promise<void>;
  #isEnded = false;
  #isResting = false;
  #visits = 0;
  #bytes = 0;

  constructor(options: ChurnOptions) {
    this.#options = options;
    this.#deck = (Object.keys(KINDS) as Kind[]).flatMap((kind) => new Array<Kind>(KINDS[kind]).fill(kind));
    for (const kind of Object.keys(KINDS) as Kind[]) {
      this.counts.set(kind, {
        ...{ came: 0, subscribed: 0, failed: 0 },
        left: { close: 0, end: 0, reset: 0, server: 0 },
      });
    }
    this.#running = this.#run();
  }

  get visits(): number {
    return this.#visits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nobody comes until `goOn`. Resolves when the last visitor has gone. */
  async rest(): Promise<void> {
    this.#isResting = true;
    await Promise.all(this.#here);
  }

  goOn(): void {
    this.#isResting = false;
  }

  /** Resolves when the last visitor has gone. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#running;
    await Promise.all(this.#here);
  }

  async #run(): Promise<void> {
    let due = 0;
    for (let lastMs = performance.now(); !this.#isEnded; ) {
      await Bun.sleep(50);
      const nowMs = performance.now();
      if (!this.#isResting) due += ((nowMs - lastMs) / 1000) * this.#options.perSecond;
      lastMs = nowMs;
      while (this.#visits < due) this.#begin(this.#pick(this.#deck));
    }
  }

  #begin(kind: Kind): void {
    this.#visits += 1;
    const counts = this.counts.get(kind);
    if (counts === undefined) return;
    counts.came += 1;
    const chosen = this.#visit(kind);
    const visiting = visit(chosen).then(
      (end) => this.#left(counts, chosen, end),
      (error: unknown) => {
        counts.failed += 1;
        if (this.failures.length < FAILURES_MAX) this.failures.push(`${kind}: ${String(error)}`);
      },
    );
    this.#here.add(visiting);
    void visiting.then(() => this.#here.delete(visiting));
  }

  #left(counts: KindCounts, { leaving }: Visit, { by, hasSubscribed, bytes }: VisitEnd): void {
    this.#bytes += bytes;
    if (hasSubscribed) counts.subscribed += 1;
    counts.left[by === "server" ? "server" : leaving] += 1;
  }

  #visit(kind: Kind): Visit {
    const common = {
      port: this.#options.ports[this.#visits % this.#options.ports.length] ?? 0,
      localAddress: this.#address(),
      request: handshake("/ws"),
      staysMs: this.#between(STAYS_MS),
      leaving: this.#pick(["close", "end", "reset", "reset"] as const),
      onMark: (mark: string) => this.#keep(mark),
    };
    switch (kind) {
      case "WebSocket":
        return { ...common, subscribe: this.#subscribe() };
      case "WebSocket, resuming":
        return { ...common, subscribe: this.#subscribe(this.#mark()), staysMs: this.#resumingMs() };
      case "WebSocket, deflated":
        return {
          ...common,
          request: handshake("/ws?encoding=deflate"),
          subscribe: this.#subscribe(this.#options.random() < 0.5 ? this.#mark() : undefined),
        };
      case "event stream":
        return { ...common, request: this.#eventRequest(), leaving: this.#pick(["end", "reset"] as const) };
      case "half-open handshake": {
        const whole = handshake("/ws");
        const request = whole.slice(0, Math.floor(this.#options.random() * (whole.length - 2)));
        // Half of them wait until the server has had enough.
        const staysMs = this.#options.random() < 0.5 ? Number.POSITIVE_INFINITY : common.staysMs;
        return { ...common, request, staysMs, leaving: this.#pick(["end", "reset"] as const) };
      }
      case "silent, answers no ping":
        return { ...common, subscribe: this.#subscribe(), staysMs: Number.POSITIVE_INFINITY };
      case "does not read":
        return { ...common, subscribe: this.#bulk(), isStalled: true, staysMs: STALLED_STAYS_MS };
      case "sends nonsense":
        return { ...common, ...this.#nonsense() };
    }
  }

  /** Channels that are busy, a pattern, and two that nobody else ever subscribes to. */
  #subscribe(since?: string): string {
    const { random } = this.#options;
    const [busy, other] = [this.#pick(this.#options.channels), this.#pick(this.#options.channels)];
    const slower = this.#pick([{}, { policy: "latest" }, { maxRate: 5 }]);
    const channels = [
      { channel: busy, snapshot: random() < 0.5 },
      { channel: other, ...slower },
      `${other.split(".")[0]}.*`,
      ...[0, 1].map((at) => `own.${this.#visits}.${at}`),
    ];
    return JSON.stringify({
      type: "subscribe",
      id: 1,
      channels,
      ...(since !== undefined && { since: [since] }),
    });
  }

  #bulk(): string {
    const policy = this.#pick([{}, {}, { policy: "latest" }, { maxRate: 2 }]);
    return JSON.stringify({
      ...{ type: "subscribe", id: 1 },
      channels: [{ channel: this.#options.bulkChannel, ...policy }],
    });
  }

  #eventRequest(): string {
    const channels = [this.#pick(this.#options.channels), `own.${this.#visits}.0`, "own.*"];
    const mark = this.#options.random() < 0.4 ? this.#mark() : undefined;
    const headers = mark === undefined ? "" : `Last-Event-ID: ${mark}\r\n`;
    return `GET /sse?channels=${channels.join(",")} HTTP/1.1\r\nHost: soak\r\nAccept: text/event-stream\r\n${headers}\r\n`;
  }

  #nonsense(): Pick<Visit, "request"> & Partial<Pick<Visit, "subscribe">> {
    return this.#pick([
      { request: "GET /nothing HTTP/1.1\r\nHost: soak\r\n\r\n" },
      { request: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
      { request: handshake("/ws").replace("Version: 13", "Version: 12") },
      { request: `${handshake("/ws")}\x81\x05hello` },
      { request: handshake("/ws"), subscribe: '{"type":"subscribe","id":1,"channels":["a b",7' },
    ]);
  }

  /** Some vanish in the very moment in which their replay begins. */
  #resumingMs(): number {
    return this.#options.random() < 0.3 ? this.#between({ min: 2, max: 30 }) : this.#between(STAYS_MS);
  }

  #keep(mark: string): void {
    this.#marks.push(mark);
    if (this.#marks.length > MARKS_MAX) this.#marks.shift();
  }

  #mark(): string | undefined {
    return this.#marks[Math.floor(this.#options.random() * this.#marks.length)];
  }

  #between({ min, max }: { readonly min: number; readonly max: number }): number {
    return min + this.#options.random() * (max - min);
  }

  /** Another one nearly each time, so that what is kept by address has to be forgotten as well. */
  #address(): string {
    const part = () => 1 + Math.floor(this.#options.random() * 250);
    return `127.${part()}.${part()}.${part()}`;
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[Math.floor(this.#options.random() * values.length)];
    if (value === undefined) throw new Error("there is nothing to choose from");
    return value;
  }
}

function handshake(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
  );
}
