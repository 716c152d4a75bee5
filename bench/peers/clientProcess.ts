import type { ClientCounts } from "./clients.ts";

export interface ProcessCounts extends ClientCounts {
  /** Since it started. */
  readonly cpuUs: number;
}

/** A process of its own for clients. */
export class ClientProcess {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  readonly ready: Promise<void>;
  #answer: (counts: ProcessCounts) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(peer: string, ports: readonly number[], count: number, sourceAddresses: readonly string[]) {
    const script = new URL("./clientsMain.ts", import.meta.url).pathname;
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.#fail = ready.reject;
    const args = [peer, JSON.stringify(ports), `${count}`, JSON.stringify(sourceAddresses)];
    this.#child = Bun.spawn([process.execPath, script, ...args], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: { ready?: boolean } & ProcessCounts) =>
        message.ready === true ? ready.resolve() : this.#answer(message),
      onExit: (_, code) => this.#fail(new Error(`a process of clients ended with ${code}`)),
    });
  }

  take(): Promise<ProcessCounts> {
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
      this.#child.send({ take: true });
    });
  }

  async end(): Promise<void> {
    this.#fail = () => {};
    this.#child.kill();
    await this.#child.exited;
  }
}
