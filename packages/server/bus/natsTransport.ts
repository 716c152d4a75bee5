import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { type NatsConnection, NatsConnectionImpl, setTransportFactory } from "@nats-io/transport-node";
import type { NodeConnectionOptions } from "@nats-io/transport-node/lib/connect.js";
import { NodeTransport, nodeResolveHost } from "@nats-io/transport-node/lib/node_transport.js";

export interface NatsDialOptions extends NodeConnectionOptions {
  /** Ends an attempt to connect at once, whatever it waits for. Has no effect after that. */
  readonly signal: AbortSignal;
}

/**
 * The client's own `connect`, over sockets that never outlive their use. Unmended, they stay open when a server takes
 * the connection and says nothing; a connection whose reader failed goes on as if it were alive; and one given up as
 * stale waits for a last write that a hung server never takes.
 */
export function dialNats(options: NatsDialOptions): Promise<NatsConnection> {
  // One factory for the whole process is how the client has it.
  setTransportFactory({ factory: () => new MortalTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options as Parameters<typeof NatsConnectionImpl.connect>[0]);
}

class MortalTransport extends NodeTransport {
  #tcp: Socket | undefined;

  override async connect(
    server: Parameters<NodeTransport["connect"]>[0],
    options: NodeConnectionOptions,
  ): Promise<void> {
    // The client hands its options through as they are.
    const { signal } = options as NatsDialOptions;
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => {
      this.discard();
      aborted.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([super.connect(server, options), aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  override async dial({ hostname, port }: Parameters<NodeTransport["dial"]>[0]): Promise<Socket> {
    const socket = createConnection(port, hostname);
    this.#tcp = socket;
    socket.setNoDelay(true);
    await once(socket, "connect");
    return socket;
  }

  /** The client's reader ends only by a fault where the connection did not end before. */
  override async *iterate(): AsyncIterableIterator<Uint8Array> {
    try {
      yield* super.iterate();
    } finally {
      await this.close(new Error("what came from the server could not be read"));
    }
  }

  override disconnect(): void {
    void this.close(new Error("the server did not answer pings"));
  }

  override async close(error?: Error): Promise<void> {
    await super.close(error);
    this.discard();
  }

  override discard(): void {
    super.discard();
    this.#tcp?.destroy();
  }
}
