import { expect, test } from "bun:test";
import { clientFrame, readFrames } from "./frames.ts";
import { SocketPool } from "./socketPool.ts";
import { SourcePorts } from "./sourcePorts.ts";

function serverFrame(payload: Uint8Array): Uint8Array {
  const frame = clientFrame(1, payload);
  const head = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10;
  const unmasked = new Uint8Array([...frame.subarray(0, head), ...payload]);
  unmasked[1] = (unmasked[1] as number) & 127;
  return unmasked;
}

test("frames of all three lengths are found, whole or cut anywhere", () => {
  const payloads = [0, 5, 125, 126, 300, 70_000].map((size) => new Uint8Array(size).fill(65));
  const bytes = Buffer.concat(payloads.map(serverFrame));
  for (const size of [1, 7, 1000, bytes.length]) {
    const found: number[] = [];
    let rest: Uint8Array = new Uint8Array();
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = Buffer.concat([rest, bytes.subarray(at, at + size)]);
      rest = chunk.subarray(readFrames(chunk, 0, (_, __, start, end) => found.push(end - start)));
    }
    expect(found).toEqual([0, 5, 125, 126, 300, 70_000]);
  }
});

test("a pool greets, hands over frames, answers pings, and tells close codes and refusals", async () => {
  let pongs = 0;
  const server = Bun.serve({
    port: 0,
    fetch: (request, own) =>
      new URL(request.url).pathname === "/ws" && own.upgrade(request)
        ? undefined
        : new Response("full", { status: 503 }),
    websocket: {
      message: (socket, text) => {
        socket.ping();
        socket.send(`${text} back`);
      },
      pong: (socket) => {
        pongs += 1;
        socket.close(1012);
      },
    },
  });
  const told: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const tell = (text: string) => {
    told.push(text);
    if (told.length === 4) resolve();
  };
  const pool = new SocketPool({
    urls: [`ws://127.0.0.1:${server.port}/ws`, `ws://127.0.0.1:${server.port}/none`],
    dialect: {
      subprotocol: undefined,
      greet: (client) => [`hello ${client}`],
      frame: (client, bytes, start, end) =>
        tell(`${client}: ${Buffer.from(bytes.slice(start, end)).toString()}`),
    },
    onOpen: (client) => tell(`open ${client}`),
    onRefused: (client, reason) => tell(`refused ${client} ${reason}`),
    onClose: (client, code) => tell(`closed ${client} ${code}`),
    sourcePorts: new SourcePorts(["127.0.0.2", "127.0.0.3"], Math.random),
    handshakesMax: 1,
    handshakeTimeoutMs: 5000,
  });
  pool.open(0);
  pool.open(1);
  await promise;
  expect(told.sort()).toEqual(["0: hello 0 back", "closed 0 1012", "open 0", "refused 1 http_503"]);
  expect(pongs).toBe(1);
  pool.end();
  await server.stop(true);
});
