/**
 * What the seam between a replay and live messages rests on ("The seam" in the design): within one turn of the event
 * loop the transport keeps, for each socket, the order of `send`, `publish`, `subscribe` and `unsubscribe`. Bun promises
 * this nowhere. It holds in 1.4.5: a publish is queued per subscriber, and a `send` to that subscriber, its
 * unsubscribing, the 32nd message or the end of the turn flushes the queue first. Should one of these tests fail after an
 * update of Bun, then replays lose, repeat or reorder messages at their seam.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

type Socket = Bun.ServerWebSocket<undefined>;

const closedLater = closedAfterEach();

/** A server with one connected socket, and what its client has received, in order. */
async function connected() {
  const opened = Promise.withResolvers<Socket>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 426 })),
    websocket: {
      backpressureLimit: 256 << 20,
      // The raw client's handshake waits for a welcome, as the gateway sends one.
      open: (socket) => {
        socket.sendText('"type":"welcome"');
        opened.resolve(socket);
      },
      message: () => {},
    },
  });
  closedLater({ close: () => server.stop(true) });
  const client = closedLater(await RawSocket.upgraded(server.port ?? 0));
  const socket = await opened.promise;
  return {
    server,
    client,
    socket,
    /** Every number that has arrived so far, after `end` did. */
    async received(): Promise<number[]> {
      socket.sendText("<end>");
      await client.until("<end>");
      return [...client.received.matchAll(/<(\d+)>/g)].map((match) => Number(match[1]));
    },
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Runs the calls in one turn: as after a log read, or inside `cork`, as replies to a message of the client are. */
const inOneTurn = {
  "a turn without a callback of the socket": (_: Socket, calls: () => void) => calls(),
  "a cork": (socket: Socket, calls: () => void) => {
    socket.cork(calls);
  },
};

for (const [name, run] of Object.entries(inOneTurn)) {
  test(`in ${name}: joining gets exactly what is published after it, behind what was sent before it`, async () => {
    const { server, socket, received } = await connected();
    run(socket, () => {
      server.publish("t", "<90>");
      socket.sendText("<0>");
      server.publish("t", "<91>");
      socket.subscribe("t");
      server.publish("t", "<1>");
      socket.sendText("<2>");
      server.publish("t", "<3>");
      socket.unsubscribe("t");
      server.publish("t", "<92>");
      socket.sendText("<4>");
      socket.subscribe("t");
      server.publish("t", "<5>");
    });
    expect(await received()).toEqual(upTo(6));
  });

  test(`in ${name}: any calls keep their order, also hundreds, of any size`, async () => {
    const call = fc.record({
      kind: fc.constantFrom("send", "send", "publish", "publish", "publish", "join", "leave"),
      topic: fc.constantFrom("a", "b", "c"),
      // Beyond the transport's cork buffer of 16 KiB, too, and beyond what one write takes.
      size: fc.oneof(
        { weight: 20, arbitrary: fc.nat(300) },
        { weight: 2, arbitrary: fc.nat(40_000) },
        { weight: 1, arbitrary: fc.constant(400_000) },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 100, maxLength: 300, size: "max" }), async (calls) => {
        const { server, socket, received } = await connected();
        const joined = new Set<string>();
        const expected: number[] = [];
        run(socket, () => {
          for (const [i, { kind, topic, size }] of calls.entries()) {
            const text = `<${i}>${"f".repeat(size)}`;
            if (kind === "send") socket.sendText(text);
            else if (kind === "publish") server.publish(topic, text);
            else if (kind === "join") socket.subscribe(topic);
            else socket.unsubscribe(topic);
            if (kind === "join") joined.add(topic);
            if (kind === "leave") joined.delete(topic);
            if (kind === "send" || (kind === "publish" && joined.has(topic))) expected.push(i);
          }
        });
        expect(await received()).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test(`in ${name}: the order holds behind a client that does not read`, async () => {
    const { server, socket, client, received } = await connected();
    client.stopReading();
    let next = 0;
    const filler = "f".repeat(100_000);
    // Fills the kernel's buffers, until this side has to keep what is sent.
    while (socket.getBufferedAmount() < 1 << 20) {
      socket.sendText(`<${next++}>${filler}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    run(socket, () => {
      for (let i = 0; i < 100; i++) {
        server.publish("t", "<999999>");
        socket.subscribe("t");
        server.publish("t", `<${next++}>${i % 10 === 0 ? filler : ""}`);
        socket.sendText(`<${next++}>`);
        server.publish("t", `<${next++}>`);
        socket.unsubscribe("t");
      }
    });
    client.readAgain();
    expect(await received()).toEqual(upTo(next));
  });
}

test("what one socket is sent does not hold back or reorder what another is published", async () => {
  const { server, socket, received } = await connected();
  const otherOpened = await connected();
  socket.subscribe("t");
  for (let i = 0; i < 100; i++) {
    server.publish("t", `<${i}>`);
    otherOpened.socket.sendText(`<${i}>`);
  }
  expect(await received()).toEqual(upTo(100));
  expect(await otherOpened.received()).toEqual(upTo(100));
});
