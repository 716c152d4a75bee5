// Connections on the public port that are no WebSocket (yet): how long they may stay, and what they may cost.
import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();

function start(handshakeTimeoutMs: number) {
  return closedLater(gatewayFixture({ gateway: { handshakeTimeoutMs } }));
}

async function connect(port: number, firstBytes: string): Promise<RawSocket> {
  const socket = closedLater(await RawSocket.open(port));
  socket.write(firstBytes);
  return socket;
}

const HALF_A_REQUEST = "GET /ws HTTP/1.1\r\nHost: x\r\nX-Slow: ";
const WHOLE_REQUEST = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";

/** The transport's timers move in steps of 4 s, and it gives a first request 8 to 12 s. */
const TEST_MS_MAX = 30_000;

test(
  "an idle HTTP connection is closed after the handshake timeout, not before, and not another's",
  async () => {
    const short = start(1000);
    const long = start(60_000);
    const shortIdle = await connect(short.gateway.port, WHOLE_REQUEST);
    const shortHalf = await connect(short.gateway.port, HALF_A_REQUEST);
    const longIdle = await connect(long.gateway.port, WHOLE_REQUEST);
    const longHalf = await connect(long.gateway.port, HALF_A_REQUEST);
    await shortIdle.closed;
    // What the transport gives a first request is not shortened: completed, this one is answered.
    shortHalf.write("x\r\n\r\n");
    await shortHalf.until("426 Upgrade Required");
    // Nor is it lengthened by the setting, which an idle connection shows to hold here.
    await longHalf.closed;
    longIdle.write(WHOLE_REQUEST);
    await longIdle.until(/200 OK[\s\S]*200 OK/);
  },
  TEST_MS_MAX,
);

test("a request head that does not end is refused at a bounded size", async () => {
  const { gateway } = start(10_000);
  const socket = await connect(gateway.port, HALF_A_REQUEST);
  socket.write("x".repeat(64 * 1024));
  await socket.closed;
  expect(socket.received).toStartWith("HTTP/1.1 431 ");
});
