import { type Client, connect } from "./client.ts";
import type { ConnectOptions } from "./options.ts";
import { ScriptedServer } from "./server.fixture.ts";

/** Servers and clients of one test file, to be ended after each test. */
export class Fixture {
  readonly #servers: ScriptedServer[] = [];
  readonly #clients: Client[] = [];

  server(options: ConstructorParameters<typeof ScriptedServer>[0] = {}): ScriptedServer {
    const server = new ScriptedServer(options);
    this.#servers.push(server);
    return server;
  }

  /** Comes back at once, unless the test says otherwise. */
  client(url: string | readonly string[], options: ConnectOptions = {}): Client {
    const client = connect(url, { backoff: { minMs: 1, maxMs: 5 }, closeTimeoutMs: 500, ...options });
    this.#clients.push(client);
    return client;
  }

  async end(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    await Promise.all(this.#servers.splice(0).map((server) => server.stop()));
  }
}
