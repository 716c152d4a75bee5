import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture, RawClient } from "./gateway.fixture.ts";
import { LargestPublication } from "./largestPublication.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const BUDGET_BYTES = 256 << 10;
const LARGE_BYTES = 3 << 20;

const closedLater = closedAfterEach();

function start() {
  const fixture = gatewayFixture({
    gateway: { backpressureBytes: BUDGET_BYTES },
    history: { bytesMax: 64 << 20 },
    limits: { replayBufferBytes: BUDGET_BYTES / 4 },
  });
  closedLater(fixture);
  return fixture;
}

async function subscriber(port: number, request: string): Promise<RawSocket> {
  const socket = closedLater(await RawSocket.upgraded(port));
  socket.writeFrame(1, new TextEncoder().encode(request));
  return socket;
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("a publication larger than the budget reaches a slow client, and what follows it does not cut it off", async () => {
  const { gateway, publish } = start();
  const socket = await subscriber(gateway.port, '{"type":"subscribe","id":1,"channels":["x"]}');
  await socket.until('"subscribed"');
  socket.stopReading();
  publish("x", "l".repeat(LARGE_BYTES));
  for (let i = 0; i < 50; i++) {
    publish("x", { i });
    await nextTurn();
    gateway.slow.look();
  }
  expect(gateway.slow.now).toMatchObject({ clients: 1 });
  expect(gateway.slow.now.bytes).toBeGreaterThan(BUDGET_BYTES * 4);
  socket.readAgain();
  await socket.until('"data":{"i":49}');
  expect(gateway.slow.cutOff).toBe(0);
});

test("a slow client resumes past such a publication by one connection, with live messages behind it", async () => {
  const { gateway, publish, hub } = start();
  const mark = hub.mark();
  publish("x", "l".repeat(LARGE_BYTES));
  const socket = await subscriber(
    gateway.port,
    `{"type":"subscribe","id":1,"channels":["x"],"since":["${mark}"]}`,
  );
  socket.stopReading();
  // The large one is being replayed, and live messages queue behind it.
  while (gateway.slow.now.bytes < LARGE_BYTES / 2) await nextTurn();
  for (let i = 0; i < 50; i++) {
    publish("x", { i });
    await nextTurn();
    gateway.slow.look();
  }
  socket.readAgain();
  await socket.until('"data":{"i":49}');
  expect(gateway.connections).toBe(1);
  expect(gateway.slow.cutOff).toBe(0);
});

test("a client that takes nothing is cut off all the same, after one large publication more than it has room for", async () => {
  const { gateway, url, publish } = start();
  const healthy = closedLater(await RawClient.open(url));
  await healthy.ask({ type: "subscribe", id: 1, channels: ["x"] });
  const socket = await subscriber(gateway.port, '{"type":"subscribe","id":1,"channels":["x"]}');
  await socket.until('"subscribed"');
  socket.stopReading();
  let published = 0;
  while (gateway.connections > 1) {
    publish("x", "l".repeat(LARGE_BYTES));
    published += 1;
    await healthy.ask({ type: "ping", id: 1 + published });
  }
  expect(published).toBe(2);
  expect(gateway.slow.cutOff).toBe(1);
  expect(healthy.data).toHaveLength(published);
});

test("a large publication counts for a minute or two, in bytes and not in characters", () => {
  let nowMs = 0;
  const largest = new LargestPublication(() => nowMs);
  largest.sent("x".repeat(100));
  expect(largest.bytes).toBe(0);
  largest.sent("ü".repeat(10_000));
  expect(largest.bytes).toBe(20_000);
  largest.sent("x".repeat(12_000));
  nowMs = 61_000;
  expect(largest.bytes).toBe(20_000);
  largest.sent("x".repeat(12_000));
  nowMs = 122_000;
  expect(largest.bytes).toBe(12_000);
  nowMs = 400_000;
  expect(largest.bytes).toBe(0);
});
