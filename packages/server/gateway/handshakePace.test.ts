import { afterEach, expect, test } from "bun:test";
import { gatewayFixture } from "./gateway.fixture.ts";
import { HandshakePace } from "./handshakePace.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const open: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("a crowd has its handshakes in the order in which it came, and others their turn after every few of them", async () => {
  // Each handshake takes a millisecond of a clock that nothing else moves.
  const clock = { ms: 0 };
  const pace = new HandshakePace({ now: () => clock.ms });
  const order: number[] = [];
  const answers = Array.from({ length: 1000 }, (_, number) =>
    pace.take(() => {
      clock.ms += 1;
      order.push(number);
      return number;
    }),
  );
  expect([order.length, pace.waiting]).toEqual([5, 995]);
  let most = 0;
  while (pace.waiting > 0) {
    const before = order.length;
    await nextTurn();
    most = Math.max(most, order.length - before);
  }
  expect(most).toBe(5);
  expect(order).toEqual(Array.from({ length: 1000 }, (_, number) => number));
  expect(await Promise.all(answers)).toEqual(order);
  // Who comes alone is not made to wait, and who comes in the same turn as others have their time.
  await nextTurn();
  expect(pace.take((isLate) => isLate)).toBe(false);
});

test("a handshake that throws late is its own client's trouble", async () => {
  const clock = { ms: 0 };
  const pace = new HandshakePace({ now: () => clock.ms });
  void pace.take(() => (clock.ms += 10));
  const broken = pace.take(() => {
    throw new Error("broken");
  });
  const refused = pace.take(() => Promise.reject(new Error("refused")));
  const whole = pace.take(() => "whole");
  const settled = await Promise.allSettled([broken, refused, whole]);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
});

/** Every handshake but the first of each turn has to wait: looking at this clock takes longer than a turn may. */
function crowded(waitingMax: number) {
  let ms = 0;
  const fixture = gatewayFixture({ permits: 1000, gateway: { pace: { now: () => (ms += 10), waitingMax } } });
  open.push(fixture);
  return fixture;
}

test("of a crowd all who stay are let in, and who has gone meanwhile takes nothing", async () => {
  const { gateway, admission } = crowded(1000);
  const all = await Promise.all(Array.from({ length: 300 }, () => RawSocket.open(gateway.port)));
  open.push(...all);
  const welcomed = all.map(async (socket, at) => {
    socket.write(HANDSHAKE);
    if (at % 3 === 0) socket.vanish();
    else await socket.until('"type":"welcome"');
  });
  await Promise.all(welcomed);
  while (gateway.entrance.pace.waiting > 0 || gateway.connections > 200) await nextTurn();
  expect(gateway.connections).toBe(200);
  // Of those who vanished some had their turn before.
  expect(admission.admitted + gateway.entrance.left).toBeLessThanOrEqual(300);
  expect(admission.admitted).toBeGreaterThanOrEqual(200);
  expect(gateway.entrance.left).toBeGreaterThan(0);
});

test("beyond so many who wait, the next ones are told to come later, event streams too", async () => {
  const { gateway, admission } = crowded(2);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => RawSocket.open(gateway.port)));
  open.push(...sockets);
  for (const [at, socket] of sockets.entries()) socket.write(at % 2 === 0 ? HANDSHAKE : EVENTS);
  await Promise.all(sockets.map((socket) => socket.until(/"type":"welcome"|"code":"accept_rate"/)));
  const refused = sockets.filter(({ received }) => received.includes("accept_rate"));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBe(admission.refused.accept_rate);
  for (const { received } of refused) expect(received).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: \d/i);
  expect(gateway.connections).toBe(sockets.length - refused.length);
});

const HANDSHAKE =
  "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const EVENTS = "GET /sse?channels=a HTTP/1.1\r\nHost: x\r\n\r\n";
