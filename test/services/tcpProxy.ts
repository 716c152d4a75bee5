import { connect, createServer, type Socket } from "node:net";

/** Changes what a server sends: gets each chunk, and hands on what is to arrive, now or later. */
export type Filter = (chunk: Buffer, forward: (bytes: Buffer) => void) => void;

/** A TCP proxy before a real server, to break what lies between: nothing of the server itself is played. */
export interface TcpProxy {
  readonly port: number;
  readonly connections: number;
  /** Ends all connections at once; new ones are taken. */
  cut(): void;
  /** Nothing passes any more, in either direction, and no connection ends: a half-open network. The result ends that. */
  stall(): () => void;
  /** Everything arrives later by so many ms, in order. The result ends that. */
  delay(ms: number): () => void;
  /** What servers send passes this filter, one of its own per connection made from now on and of those there are. */
  filter(make: (() => Filter) | undefined): void;
  close(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** What came and has not passed yet, in order. */
  readonly waiting: Array<{ readonly dueMs: number; readonly send: () => void }>;
  timer: Timer | undefined;
  filter: Filter | undefined;
}

export async function startTcpProxy(target: { readonly port: number }): Promise<TcpProxy> {
  const links = new Set<Link>();
  let isStalled = false;
  let delayMs = 0;
  let makeFilter: (() => Filter) | undefined;

  const pass = (link: Link, send: () => void) => {
    link.waiting.push({ dueMs: performance.now() + delayMs, send });
    flush(link);
  };

  // Timers come late on a busy machine: what could pass at once waits all the same for what came before it.
  const flush = (link: Link) => {
    for (;;) {
      const [first] = link.waiting;
      if (first === undefined || isStalled) return;
      const leftMs = first.dueMs - performance.now();
      if (leftMs > 1) {
        link.timer ??= setTimeout(() => {
          link.timer = undefined;
          flush(link);
        }, leftMs);
        return;
      }
      link.waiting.shift();
      first.send();
    }
  };

  const server = createServer((client) => {
    const upstream = connect(target.port, "127.0.0.1");
    const link: Link = { client, server: upstream, waiting: [], timer: undefined, filter: makeFilter?.() };
    links.add(link);
    client.on("data", (chunk: Buffer) => pass(link, () => upstream.write(chunk)));
    upstream.on("data", (chunk: Buffer) => {
      const forward = (bytes: Buffer) => void client.write(bytes);
      pass(link, () => (link.filter === undefined ? forward(chunk) : link.filter(chunk, forward)));
    });
    const end = () => {
      links.delete(link);
      clearTimeout(link.timer);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.setNoDelay().on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");

  const cut = () => {
    for (const { client, server: upstream } of links) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    port: address.port,
    get connections() {
      return links.size;
    },
    cut,
    stall() {
      isStalled = true;
      return () => {
        isStalled = false;
        for (const link of links) flush(link);
      };
    },
    delay(ms) {
      delayMs = ms;
      return () => {
        delayMs = 0;
      };
    },
    filter(make) {
      makeFilter = make;
      for (const link of links) link.filter = make?.();
    },
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
