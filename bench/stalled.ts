/** Of each kind: how many there are, and how many have got the last message of every channel. */
export type StalledCounts = Readonly<Record<"latest" | "rate" | "lossless", readonly [number, number]>>;

/** A process of clients that do not read (`stalledClient.ts`), on `all` and `bulk.*`. */
export class Stalled {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  readonly ready: Promise<void>;
  #onAnswer: (counts: StalledCounts) => void = () => {};

  constructor(port: number, connections: number) {
    const script = new URL("./stalledClient.ts", import.meta.url).pathname;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#child = Bun.spawn([process.execPath, script, `${port}`, `${connections}`], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: { ready?: boolean; counts?: StalledCounts }) => {
        if (message.ready === true) resolve();
        else if (message.counts !== undefined) this.#onAnswer(message.counts);
      },
      onExit: (_, code) => reject(new Error(`the process of stalled clients ended with ${code}`)),
    });
  }

  /** Lets them read from now on. */
  read(): Promise<StalledCounts> {
    return this.#ask({ read: true });
  }

  /** How many have these as the last of each channel. */
  compare(last: Readonly<Record<string, number>>): Promise<StalledCounts> {
    return this.#ask({ last });
  }

  end(): void {
    this.ready.catch(() => {
      // It is being ended here, so its exit is no news.
    });
    this.#child.kill();
  }

  #ask(question: object): Promise<StalledCounts> {
    return new Promise((resolve) => {
      this.#onAnswer = resolve;
      this.#child.send(question);
    });
  }
}
