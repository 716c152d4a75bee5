import {
  type Authenticator,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import { crash } from "./crash.ts";
import { dialNats } from "./natsTransport.ts";
import type { NatsServer } from "./natsUrl.ts";

export interface NatsLogin {
  readonly username?: string;
  readonly password?: string;
  readonly token?: string;
  /** What a creds file holds (a JWT and its key), or the seed of an nkey. */
  readonly credentials?: string;
}

export interface NatsLinkOptions {
  readonly server: NatsServer;
  readonly subject: string;
  readonly login: NatsLogin;
  /** Absent: TLS where the server offers it, with the authorities that the runtime knows. */
  readonly tls?: { readonly ca?: string };
  /** For each address that the server's name stands for. */
  readonly connectTimeoutMs: number;
  readonly onOpen: () => void;
  readonly onFrame: (frame: Uint8Array) => void;
  /** The connection is over, or never came to be. Called once, and not after `close`. */
  readonly onLost: (reason: Error) => void;
}

/** The client asks for a pong so often, and gives the connection up when two are overdue. */
const PING_INTERVAL_MS = 5_000;
const OVERDUE_PINGS_MAX = 2;

/** One connection to one server, from its first packet to its last. It never connects again by itself. */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #aborter = new AbortController();
  #connection: NatsConnection | undefined;
  #isOver = false;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    void this.#dial();
  }

  get server(): string {
    return address(this.#options.server);
  }

  /** What the server takes; undefined while it has not said. It may change at any time. */
  get maxPayloadBytes(): number | undefined {
    return this.#connection?.info?.max_payload;
  }

  /** The bytes may be changed once `flush` has resolved. */
  publish(frame: Uint8Array): void {
    this.#connection?.publish(this.#options.subject, frame);
  }

  subscribe(): void {
    // A callback and not an iterator: the client queues for iterators without bound.
    this.#connection?.subscribe(this.#options.subject, {
      callback: (error, message) => {
        if (error !== null) this.#lose(error);
        else if (!this.#isOver) this.#receive(message.data);
      },
    });
  }

  /** Resolves when the server has taken all that was asked of it before. Never settles when the link is lost. */
  async flush(): Promise<void> {
    try {
      await this.#connection?.flush();
    } catch (error) {
      this.#lose(error);
    }
    // A refusal comes before the pong, but the client tells of it a few microtasks later.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#isOver) await new Promise(() => {});
  }

  close(): void {
    this.#isOver = true;
    this.#aborter.abort(new Error("closed"));
    // The socket is destroyed in this turn of the event loop, whatever the server does.
    this.#connection?.close().catch(ignore);
  }

  async #dial(): Promise<void> {
    const { server, login, tls, connectTimeoutMs } = this.#options;
    try {
      const connection = await dialNats({
        name: "shardcast",
        servers: [address(server)],
        // Connecting anew is the bus' own: the client buffers without bound meanwhile.
        reconnect: false,
        ignoreClusterUpdates: true,
        timeout: connectTimeoutMs,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: OVERDUE_PINGS_MAX,
        authenticator: authenticators(login),
        ...(tls && { tls }),
        signal: this.#aborter.signal,
      });
      if (this.#isOver) return void connection.close().catch(ignore);
      this.#connection = connection;
      void this.#watchErrors(connection);
      void connection
        .closed()
        .then((error) => this.#lose(error ?? new Error("the server ended the connection")));
      this.#options.onOpen();
    } catch (error) {
      this.#lose(error);
    }
  }

  /** A refusal (of a subject, of a frame) leaves the connection open, and the server says it only once. */
  async #watchErrors(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) if (status.type === "error") this.#lose(status.error);
  }

  #receive(frame: Uint8Array): void {
    try {
      this.#options.onFrame(frame);
    } catch (error) {
      // The client's reader would take it for the server's fault.
      crash(error);
    }
  }

  #lose(error: unknown): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onLost(error instanceof Error ? error : new Error("the server is not there"));
  }
}

function address({ host, port }: NatsServer): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function authenticators({ username, password, token, credentials }: NatsLogin): Authenticator[] {
  return [
    ...(credentials === undefined ? [] : [credentialsAuthenticator(credentials)]),
    ...(token === undefined ? [] : [tokenAuthenticator(token)]),
    ...(username === undefined ? [] : [usernamePasswordAuthenticator(username, password)]),
  ];
}

function credentialsAuthenticator(credentials: string): Authenticator {
  const bytes = new TextEncoder().encode(credentials);
  if (/-----BEGIN NATS USER JWT-----/.test(credentials)) return credsAuthenticator(bytes);
  return nkeyAuthenticator(new TextEncoder().encode(credentials.trim()));
}

function ignore(): void {
  // Of a connection that is given up, nothing matters any more.
}
