/** What a server may do wrong with the messages that were published. */
export interface Faults {
  /** Returns the numbers to send, in this order, in place of `n`. */
  readonly deliver?: (n: number) => readonly number[];
  readonly delayMs?: number;
  /** Answers to this handshake and all later ones are 503. */
  readonly refusesFrom?: number;
  /** Closes with this code after the message with this number. */
  readonly close?: { readonly after: number; readonly code: number };
  readonly hasNoMetrics?: boolean;
  /** Answers publishes with a 500. */
  readonly refusesPublishes?: boolean;
}

interface PublishedData {
  readonly lt: number;
  readonly n: number;
  readonly t: number;
}

/** Speaks as much of the protocol as the load tester needs, on one port, and breaks its promises as told. */
export function startBadServer(faults: Faults) {
  let handshakes = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request, own) {
      const { pathname } = new URL(request.url);
      if (pathname === "/metrics") {
        const text = "process_cpu_seconds_total 1\nshardcast_connections 1\n";
        return new Response(text, { status: faults.hasNoMetrics === true ? 500 : 200 });
      }
      if (pathname === "/api/publish") {
        if (faults.refusesPublishes === true) return new Response("broken", { status: 500 });
        const items = (await request.json()) as Array<{ channel: string; data: PublishedData }>;
        for (const { channel, data } of items) publish(channel, data);
        return Response.json({ published: [] });
      }
      if (handshakes++ >= (faults.refusesFrom ?? Number.POSITIVE_INFINITY)) {
        return new Response("full", { status: 503 });
      }
      return own.upgrade(request) ? undefined : new Response("no", { status: 400 });
    },
    websocket: {
      open: (socket) => void socket.send('{"type":"welcome","instance":"bad","shard":0}'),
      message: (socket, text) => {
        const { channels } = JSON.parse(String(text)) as { channels: string[] };
        for (const channel of channels) socket.subscribe(channel);
        socket.send(
          JSON.stringify({
            type: "subscribed",
            id: 1,
            mark: "m",
            channels: channels.map((channel) => ({ channel })),
          }),
        );
        sockets.add(socket);
      },
      close: (socket) => void sockets.delete(socket),
    },
  });
  const sockets = new Set<Bun.ServerWebSocket<unknown>>();

  function publish(channel: string, data: PublishedData): void {
    for (const n of faults.deliver?.(data.n) ?? [data.n]) {
      // Its cursors follow its numbers, so that both ledgers see the same fault.
      const text = `{"type":"message","channel":"${channel}","cursor":"${streamOf(channel)}:${n}","ts":1,"data":${JSON.stringify({ ...data, n })}}`;
      if (faults.delayMs === undefined) server.publish(channel, text);
      else setTimeout(() => server.publish(channel, text), faults.delayMs);
    }
    if (data.n === faults.close?.after) for (const socket of sockets) socket.close(faults.close.code);
  }

  return {
    url: `ws://127.0.0.1:${server.port}/ws`,
    admin: `http://127.0.0.1:${server.port}`,
    stop: () => server.stop(true),
  };
}

function streamOf(channel: string): string {
  return channel
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .padEnd(7, "0")
    .slice(0, 7);
}
