// Handshakes that do not end, against a real server, in plain text and over TLS: each costs its own connection only, for a time.
import { expect, test } from "bun:test";
import { RawSocket, type Transport } from "../../packages/server/gateway/rawSocket.fixture.ts";
import { until } from "../status.fixture.ts";
import { text } from "./clientFrame.ts";
import { type HostileInstance, startHostileInstance } from "./hostileInstance.fixture.ts";

const EACH = 25;
const HALF_A_REQUEST = "GET /ws HTTP/1.1\r\nHost: x\r\nX-Slow: ";
/** The first bytes of a TLS hello that says it is much longer. */
const HALF_A_HELLO = Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7]);
const TEST_MS_MAX = 60_000;

interface Slow {
  readonly over: Transport;
  readonly first: string | Uint8Array;
  readonly drip: string | Uint8Array;
}

/** `over` is what the sockets speak, whatever the server speaks. */
const SLOW: Readonly<Record<Transport, Readonly<Record<string, Slow>>>> = {
  plain: {
    "says nothing": { over: "plain", first: "", drip: "" },
    "sends half a request": { over: "plain", first: HALF_A_REQUEST, drip: "" },
    "sends a request byte by byte": { over: "plain", first: "G", drip: "x" },
  },
  tls: {
    "says nothing": { over: "plain", first: "", drip: "" },
    "sends half a hello": { over: "plain", first: HALF_A_HELLO, drip: "" },
    "sends a hello byte by byte": { over: "plain", first: HALF_A_HELLO, drip: Uint8Array.of(7) },
    "says nothing behind the hello": { over: "tls", first: "", drip: "" },
    "sends half a request": { over: "tls", first: HALF_A_REQUEST, drip: "" },
    "sends a request byte by byte": { over: "tls", first: "G", drip: "x" },
  },
};

test(
  "clients that never end their handshake are closed, and give their files back",
  // At the same time, because all that this takes is the transport's time.
  async () => void (await Promise.all([playAll("plain"), playAll("tls")])),
  TEST_MS_MAX,
);

async function playAll(transport: Transport): Promise<void> {
  const server = await startHostileInstance(transport);
  try {
    const bystander = await RawSocket.upgraded(server.port, "/ws", transport);
    const before = await server.memory();
    await Promise.all(Object.values(SLOW[transport]).map((slow) => playSlow(server, slow)));
    await until("files are given back", async () => (await server.memory()).files <= before.files);
    bystander.write(text('{"type":"ping","id":7}'));
    await bystander.until('"type":"pong","id":7');
    expect(await server.figure("connections")).toBe(1);
    bystander.close();
  } finally {
    await server.end();
  }
}

async function playSlow({ port }: HostileInstance, { over, first, drip }: Slow): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: EACH }, () => RawSocket.open(port, over)));
  const write = (bytes: string | Uint8Array) => {
    if (bytes.length > 0) for (const socket of sockets) socket.write(bytes);
  };
  write(first);
  const dripping = setInterval(() => write(drip), 500);
  await Promise.all(sockets.map((socket) => socket.closed));
  clearInterval(dripping);
}
