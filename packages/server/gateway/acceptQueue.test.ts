import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { AcceptQueue } from "./acceptQueue.ts";
import { listeningDescriptors } from "./listeningDescriptors.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

let held: AcceptQueue | undefined;
afterEach(() => held?.release());

function listen(hostname = "127.0.0.1") {
  const order: string[] = [];
  const server = Bun.serve({
    hostname,
    port: 0,
    fetch: (request) => {
      order.push(new URL(request.url).pathname);
      return new Response("here");
    },
  });
  closedLater({ close: () => server.stop(true) });
  const port = server.port ?? 0;
  const queue = AcceptQueue.of(listeningDescriptors(port));
  if (queue === undefined) throw new Error("no queue");
  held = queue;
  return { server, port, queue, order };
}

async function asked(port: number, request = REQUEST): Promise<RawSocket> {
  const socket = closedLater(await RawSocket.open(port));
  socket.write(request);
  return socket;
}

describe.skipIf(process.platform !== "linux")("the queue of connections", () => {
  test.each(["127.0.0.1", "::"])(
    "who comes while it is held waits, and is served after that: %s",
    async (host) => {
      const { port, queue, order } = listen(host);
      await (await asked(port)).until("here");
      queue.hold();
      const waiting: RawSocket[] = [];
      for (let at = 0; at < 20; at++) waiting.push(await asked(port, REQUEST.replace("/", `/${at}`)));
      await Bun.sleep(20);
      expect(order).toHaveLength(1);
      expect(queue.length.now).toBe(20);
      queue.release();
      await Promise.all(waiting.map((socket) => socket.until("here")));
      expect(order.slice(1)).toEqual(waiting.map((_, at) => `/${at}`));
      expect(queue.length.now).toBe(0);
    },
  );

  test("it is as long as the system allows", async () => {
    const { queue } = listen();
    const allowed = Number(await Bun.file("/proc/sys/net/core/somaxconn").text());
    expect(queue.length.max).toBe(Math.min(65_535, allowed));
    queue.hold();
    expect(queue.length.max).toBe(Math.min(65_535, allowed));
  });

  test("held often, it keeps no descriptor", async () => {
    const { port, queue } = listen();
    const before = readdirSync("/proc/self/fd").length;
    for (let at = 0; at < 1000; at++) {
      queue.hold();
      queue.hold();
      queue.release();
      queue.release();
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    await (await asked(port)).until("here");
  });

  test("closed while it is held, it keeps neither a descriptor nor the port", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const { server, port, queue } = listen();
    queue.hold();
    queue.close();
    // What has its numbers by now is somebody else's.
    queue.close();
    queue.hold();
    queue.release();
    await (await asked(port)).until("here");
    await server.stop(true);
    await nextTurn();
    expect(listeningDescriptors(port)).toEqual([]);
    expect(await rejectionOf(RawSocket.open(port))).toMatchObject({
      message: expect.stringContaining("ECONNREFUSED"),
    });
    while (readdirSync("/proc/self/fd").length > before) await nextTurn();
  });

  test("there is none of a port on which nobody listens here", () => {
    expect(AcceptQueue.of(listeningDescriptors(1))).toBeUndefined();
  });
});
