/** What a server may do wrong with the messages that were published. */
export interface Faults {
  /** Returns the numbers to send, in this order, in place of `n`. */
  readonly deliver?: (n: number) => readonly number[];
  readonly delayMs?: number;
  /** Answers to this handshake and all later ones are 503. */
  readonly refusesFrom?: number;
  /** Closes with this code after the message with this number. */
  readonly close?: { readonly after: number; readonly code: number };
  /** After the message with this number, asks all clients to come back later; then closes those that are still there. */
  readonly moves?: { readonly after: number; readonly afterMs: number; readonly closesAfterMs?: number };
  /** Sends nothing again to clients that come back. */
  readonly forgets?: boolean;
  readonly hasNoMetrics?: boolean;
  /** Answers publishes with a 500 from this one on. */
  readonly refusesPublishesFrom?: number;
  /** Does not answer publishes from this one on. */
  readonly hangsPublishesFrom?: number;
  /** Does not answer the subscriptions of every second client. */
  readonly ignoresHalf?: boolean;
  /** Sends payloads of its own. */
  readonly alters?: boolean;
  /** Tells a gap after the message with this number. */
  readonly gapAfter?: number;
  /** Somebody publishes on `a.load`, so many messages once somebody listens. */
  readonly chatters?: number;
  /** Sends messages on a channel that nobody asked for. */
  readonly strays?: boolean;
}

interface PublishedData {
  readonly lt: number;
  readonly n: number;
  readonly t: number;
}

/** Speaks as much of the protocol as the load tester needs, on one port, and breaks its promises as told. */
export function startBadServer(faults: Faults) {
  let handshakes = 0;
  let publishes = 0;
  let subscriptions = 0;
  const lateness: number[] = [];
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
        const at = publishes++;
        const arrivedUs = (performance.timeOrigin + performance.now()) * 1000;
        if (at >= (faults.refusesPublishesFrom ?? Number.POSITIVE_INFINITY))
          return new Response("broken", { status: 500 });
        if (at >= (faults.hangsPublishesFrom ?? Number.POSITIVE_INFINITY)) return await new Promise(() => {});
        const items = (await request.json()) as Array<{ channel: string; data: PublishedData }>;
        for (const { channel, data } of items) {
          lateness.push((arrivedUs - data.t) / 1000);
          publish(channel, data);
        }
        return Response.json({ published: [] });
      }
      if (handshakes++ >= (faults.refusesFrom ?? Number.POSITIVE_INFINITY)) {
        const body = { error: { code: "instance_full", message: "full" } };
        return Response.json(body, { status: 503, headers: { "Retry-After": "1" } });
      }
      return own.upgrade(request) ? undefined : new Response("no", { status: 400 });
    },
    websocket: {
      open: (socket) => void socket.send('{"type":"welcome","instance":"bad","shard":0}'),
      message: (socket, text) => {
        if (faults.ignoresHalf === true && subscriptions++ % 2 === 0) return;
        const asked = JSON.parse(String(text)) as {
          channels: Array<string | { channel: string }>;
          since?: string[];
        };
        const { since } = asked;
        const channels = asked.channels.map((each) => (typeof each === "string" ? each : each.channel));
        for (const channel of channels) {
          if (since !== undefined && faults.forgets !== true) resend(socket, channel, since);
          socket.subscribe(channel);
        }
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

  const sent: Array<{ readonly channel: string; readonly n: number; readonly text: string }> = [];

  function resend(socket: Bun.ServerWebSocket<unknown>, channel: string, since: readonly string[]): void {
    const cursor = since.find((each) => each.startsWith(`${streamOf(channel)}:`));
    const seen = cursor === undefined ? -1 : Number(cursor.split(":")[1]);
    for (const each of sent) if (each.channel === channel && each.n > seen) socket.send(each.text);
  }

  function publish(channel: string, data: PublishedData): void {
    if (data.n === 5) first.resolve();
    for (const n of faults.deliver?.(data.n) ?? [data.n]) {
      // Its cursors follow its numbers, so that both ledgers see the same fault.
      const text = `{"type":"message","channel":"${channel}","cursor":"${streamOf(channel)}:${n}","ts":1,"data":${JSON.stringify(faults.alters === true ? "altered" : { ...data, n })}}`;
      sent.push({ channel, n, text });
      if (faults.delayMs === undefined) server.publish(channel, text);
      else setTimeout(() => server.publish(channel, text), faults.delayMs);
    }
    if (faults.strays === true && channel === "a.load")
      server.publish(
        channel,
        `{"type":"message","channel":"b.load","cursor":"s:${data.n}","ts":1,"data":${JSON.stringify(data)}}`,
      );
    if (data.n === faults.gapAfter)
      server.publish(
        channel,
        `{"type":"gap","channel":"${channel}","after":"s:1","through":"s:2","reason":"retention"}`,
      );
    if (data.n === faults.moves?.after) move(faults.moves);
    if (data.n === faults.close?.after) for (const socket of sockets) socket.close(faults.close.code);
  }

  let chatted = 0;
  const chattering = setInterval(() => {
    if (sockets.size === 0 || chatted >= (faults.chatters ?? 0)) return;
    const cursor = `aload00:${chatted++}`;
    server.publish(
      "a.load",
      `{"type":"message","channel":"a.load","cursor":"${cursor}","ts":${Date.now()},"data":{}}`,
    );
  }, 20);
  const first = Promise.withResolvers<void>();
  let isMoving = false;

  /** Once, though there are several channels. */
  function move({ afterMs, closesAfterMs }: NonNullable<Faults["moves"]>): void {
    if (isMoving) return;
    isMoving = true;
    for (const socket of sockets)
      socket.send(`{"type":"reconnect","afterMs":${afterMs},"reason":"draining"}`);
    const present = [...sockets];
    if (closesAfterMs !== undefined)
      setTimeout(() => {
        for (const socket of present) socket.close(1001);
      }, closesAfterMs);
  }

  return {
    url: `ws://127.0.0.1:${server.port}/ws`,
    admin: `http://127.0.0.1:${server.port}`,
    /** Some messages have been published. */
    published: first.promise,
    /** Requests to publish. */
    publishes: () => publishes,
    /** Of each message, how long after it was due it came here. */
    latenessMs: () => lateness,
    stop: () => {
      clearInterval(chattering);
      return server.stop(true);
    },
  };
}

function streamOf(channel: string): string {
  return channel
    .toLowerCase()
    .replace(/[^a-z]/g, "")
    .padEnd(7, "0")
    .slice(0, 7);
}
