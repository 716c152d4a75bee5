/** What a load process answers: totals since the last reset. */
export interface LoadCounts {
  readonly connected: number;
  readonly messages: number;
  readonly closed: number;
  readonly latenciesMs: number[];
  readonly cpuUs: number;
}

/** A process of raw load clients: WebSockets, or event streams; all on the channel `all` and nine of their own. */
export class Load {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  readonly ready: Promise<void>;
  #onAnswer: (counts: LoadCounts) => void = () => {};

  constructor(
    port: number,
    connections: number,
    first: number,
    kind: "loadClient" | "eventClient" = "loadClient",
  ) {
    const script = new URL(`./${kind}.ts`, import.meta.url).pathname;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#child = Bun.spawn([process.execPath, script, `${port}`, `${connections}`, "[]", `${first}`], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: { ready?: boolean } & LoadCounts) =>
        message.ready === true ? resolve() : this.#onAnswer(message),
      onExit: (_, code) => reject(new Error(`a load process ended with ${code}`)),
    });
  }

  /** The counts so far; `reset` begins them anew. */
  counts(reset = false): Promise<LoadCounts> {
    return new Promise((resolve) => {
      this.#onAnswer = resolve;
      this.#child.send({ reset });
    });
  }

  end(): void {
    this.ready.catch(() => {
      // It is being ended here, so its exit is no news.
    });
    this.#child.kill();
  }
}
