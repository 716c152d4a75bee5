import { Histogram, type SparseHistogram } from "../../packages/loadtest/histogram.ts";
import { SocketPool } from "../../packages/loadtest/socketPool.ts";
import { SourcePorts } from "../../packages/loadtest/sourcePorts.ts";
import { readPayloads } from "./payload.ts";
import type { Wire } from "./peer.ts";

const AT_ONCE = 100;
const HANDSHAKE_MS_MAX = 20_000;

/** Since they were last taken. */
export interface ClientCounts {
  readonly deliveries: number;
  /** Messages that came twice, or after a later one. */
  readonly late: number;
  readonly frameBytes: number;
  readonly closed: number;
  readonly latency: SparseHistogram;
}

/** Without it a ping that comes together with messages stays unanswered, and the server sends its client away. */
function hasLine(bytes: Uint8Array, start: number, end: number, line: string | undefined): boolean {
  if (line === undefined) return false;
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  return frame.includes(`\n${line}`) || frame.subarray(0, line.length).equals(Buffer.from(line));
}

/** Clients of one peer, which count what they get and read their messages' times. */
export class Clients {
  readonly #latency = new Histogram();
  readonly #pool: SocketPool;
  readonly #last: Int32Array;
  readonly #subscribed = new Set<number>();
  readonly #all = Promise.withResolvers<void>();
  readonly #count: number;
  #opened = 0;
  #client = 0;
  #deliveries = 0;
  #late = 0;
  #frameBytes = 0;
  #closed = 0;

  /** `sourceAddresses` are used by nobody else; where there are none the kernel chooses addresses and ports. */
  constructor(wire: Wire, ports: readonly number[], count: number, sourceAddresses: readonly string[]) {
    this.#count = count;
    this.#last = new Int32Array(count).fill(-1);
    this.#pool = new SocketPool({
      urls: ports.map((port) => `ws://127.0.0.1:${port}${wire.path}`),
      dialect: {
        subprotocol: undefined,
        greet: () => wire.greet,
        frame: (client, bytes, start, end, send) => {
          this.#client = client;
          const found = readPayloads(bytes, start, end, this.#onMessage);
          if (found > 0) this.#frameBytes += end - start;
          if (found === 0 || hasLine(bytes, start, end, wire.among))
            this.#control(wire, client, Buffer.from(bytes.subarray(start, end)).toString(), send);
        },
      },
      sourcePorts: new SourcePorts(sourceAddresses, Math.random),
      handshakesMax: AT_ONCE,
      handshakeTimeoutMs: HANDSHAKE_MS_MAX,
      onOpen: (client) => {
        if (wire.subscribed === undefined) this.#isSubscribed(client);
      },
      onRefused: (client, reason) => this.#all.reject(new Error(`client ${client} was refused: ${reason}`)),
      onClose: (client, code) => {
        this.#closed += 1;
        this.#all.reject(new Error(`client ${client} was closed with ${code}`));
      },
    });
    this.#open();
  }

  /** Resolves when all are subscribed. */
  get ready(): Promise<void> {
    return this.#all.promise;
  }

  /** Every client has got a message of this number or a later one; −1 while one has got none. */
  get heard(): number {
    return this.#last.reduce((least, n) => Math.min(least, n));
  }

  take(): ClientCounts {
    const counts = {
      deliveries: this.#deliveries,
      late: this.#late,
      frameBytes: this.#frameBytes,
      closed: this.#closed,
      latency: this.#latency.toSparse(),
    };
    this.#deliveries = this.#late = this.#frameBytes = 0;
    this.#latency.clear();
    return counts;
  }

  end(): void {
    this.#pool.end();
  }

  /** Keeps so many on their way, that no queue of a listening socket runs over. */
  #open(): void {
    while (this.#opened < this.#count && this.#opened - this.#subscribed.size < AT_ONCE) {
      this.#pool.open(this.#opened++);
    }
  }

  #isSubscribed(client: number): void {
    this.#subscribed.add(client);
    if (this.#subscribed.size === this.#count) this.#all.resolve();
    else this.#open();
  }

  #control(wire: Wire, client: number, text: string, send: (text: string) => void): void {
    for (const line of text.split("\n")) {
      if (wire.subscribed !== undefined && line.startsWith(wire.subscribed)) this.#isSubscribed(client);
      const answer = wire.answer(line);
      if (answer !== undefined) send(answer);
    }
  }

  readonly #onMessage = (n: number, sentUs: number): void => {
    if (n <= (this.#last[this.#client] as number)) this.#late += 1;
    else this.#last[this.#client] = n;
    this.#deliveries += 1;
    this.#latency.add(this.#pool.receivedMs * 1000 - sentUs);
  };
}
