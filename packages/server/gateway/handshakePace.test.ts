import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { type GatewayFixtureOptions, gatewayFixture, STREAM } from "./gateway.fixture.ts";
import { HandshakePace } from "./handshakePace.ts";
import { listeningDescriptors } from "./listeningDescriptors.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();

function take<T>(pace: HandshakePace, handshake: () => T | Promise<T>): T | Promise<T> {
  return pace.mayBegin() ? handshake() : pace.wait(handshake);
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("a crowd has its handshakes in the order in which it came, and others their turn after every few of them", async () => {
  // Each handshake takes a millisecond of a clock that nothing else moves.
  const clock = { ms: 0 };
  const pace = new HandshakePace({ now: () => clock.ms });
  const order: number[] = [];
  const answers = Array.from({ length: 1000 }, (_, number) =>
    take(pace, () => {
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
  // Turns are short, and stay so.
  expect(most).toBe(2);
  expect(order).toEqual(Array.from({ length: 1000 }, (_, number) => number));
  expect(await Promise.all(answers)).toEqual(order);
  // Who comes alone is not made to wait, and who comes in the same turn as others have their time.
  await nextTurn();
  expect(pace.mayBegin()).toBe(true);
});

test("a handshake that throws late is its own client's trouble", async () => {
  const clock = { ms: 0 };
  const pace = new HandshakePace({ now: () => clock.ms });
  void take(pace, () => (clock.ms += 10));
  const broken = take(pace, () => {
    throw new Error("broken");
  });
  const refused = take(pace, () => Promise.reject(new Error("refused")));
  const whole = take(pace, () => "whole");
  const settled = await Promise.allSettled([broken, refused, whole]);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
});

/**
 * Every handshake but the first of each turn has to wait, until `stands`: looking at this clock takes longer than a turn may.
 * They wait here, not in the kernel, where nothing else is said.
 */
function crowded(
  waitingMax: number,
  {
    acceptedMin = Number.POSITIVE_INFINITY,
    ...options
  }: GatewayFixtureOptions & { acceptedMin?: number } = {},
) {
  const clock = { ms: 0, stands: false };
  const now = () => {
    if (!clock.stands) clock.ms += 10;
    return clock.ms;
  };
  const fixture = closedLater(
    gatewayFixture({ permits: 1000, ...options, gateway: { pace: { now, waitingMax, acceptedMin } } }),
  );
  return { ...fixture, clock };
}

async function sockets(count: number, port: number): Promise<RawSocket[]> {
  const all = await Promise.all(Array.from({ length: count }, () => RawSocket.open(port)));
  for (const each of all) closedLater(each);
  return all;
}

test("of a crowd all who stay are let in, and who has gone meanwhile takes nothing", async () => {
  const { gateway, admission } = crowded(1000);
  const all = await sockets(300, gateway.port);
  const welcomed = all.map(async (socket, at) => {
    socket.write(HANDSHAKE);
    if (at % 3 === 0) socket.vanish();
    else await socket.until('"type":"welcome"');
  });
  await Promise.all(welcomed);
  while (gateway.entrance.pace.waiting > 0 || gateway.connections > 200) await nextTurn();
  expect(gateway.connections).toBe(200);
  // Of those who vanished some had their turn before.
  expect(admission.admitted + gateway.entrance.abandoned).toBeLessThanOrEqual(300);
  expect(admission.admitted).toBeGreaterThanOrEqual(200);
  expect(gateway.entrance.abandoned).toBeGreaterThan(0);
});

const ofLinux = test.skipIf(process.platform !== "linux");

ofLinux("what a turn has no time to accept waits in the kernel, and all are let in", async () => {
  const { gateway, admission } = crowded(1000, { acceptedMin: 1 });
  const all = await sockets(300, gateway.port);
  for (const socket of all) socket.write(HANDSHAKE);
  const taken = () => admission.admitted + gateway.entrance.pace.waiting;
  const perTurn: number[] = [];
  while (admission.admitted < 300) {
    const before = taken();
    await nextTurn();
    perTurn.push(taken() - before);
  }
  await Promise.all(all.map((socket) => socket.until('"type":"welcome"')));
  // One has its turn, and then a part of those who wait in the kernel is accepted.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(2 + 300 / 8);
});

test("where nothing can be left in the kernel, all who come are taken at once", async () => {
  const { gateway } = crowded(1000, { acceptedMin: 1 });
  gateway.entrance.pace.accepts = undefined;
  const all = await sockets(300, gateway.port);
  for (const socket of all) socket.write(HANDSHAKE);
  let most = 0;
  while (gateway.connections < 300) {
    await nextTurn();
    most = Math.max(most, gateway.entrance.pace.waiting);
  }
  expect(most).toBeGreaterThan(10);
});

test("of a crowd that resumes, each is looked at in its turn", async () => {
  const { gateway, hub, publish, clock } = crowded(1000);
  clock.stands = true;
  publish("a", 0);
  const all = await Promise.all(Array.from({ length: 60 }, () => RawSocket.upgraded(gateway.port)));
  for (const socket of all) closedLater(socket);
  clock.stands = false;
  const resume = JSON.stringify({ type: "subscribe", id: 1, channels: ["a"], since: [`${STREAM}:0`] });
  for (const socket of all) socket.writeFrame(1, new TextEncoder().encode(resume));
  let mostLookedAt = 0;
  let mostWaiting = 0;
  const lookedAt = () => hub.room.count + hub.room.promised;
  while (hub.room.count < 60) {
    const before = lookedAt();
    await nextTurn();
    mostLookedAt = Math.max(mostLookedAt, lookedAt() - before);
    mostWaiting = Math.max(mostWaiting, gateway.replays.waiting);
  }
  expect(mostWaiting).toBeGreaterThan(10);
  expect(mostLookedAt).toBe(1);
  await Promise.all(all.map((socket) => socket.until('"recovered":true')));
});

test("beyond so many who wait, the next ones are told to come later, event streams too", async () => {
  const { gateway, admission } = crowded(2);
  const all = await sockets(30, gateway.port);
  const kinds = [HANDSHAKE, EVENTS, EVENT_SOURCE];
  for (const [at, socket] of all.entries()) socket.write(kinds[at % kinds.length] ?? "");
  await Promise.all(all.map((socket) => socket.until(/"type":"welcome"|"code":"accept_rate"/)));
  const refused = all.filter(({ received }) => received.includes("accept_rate"));
  expect(refused.length).toBeGreaterThan(2);
  expect(refused.length).toBe(admission.refused.accept_rate);
  for (const socket of refused) {
    // An `EventSource` would give up for good on any other status, or where its page may not read the answer.
    const isEventSource = all.indexOf(socket) % kinds.length === 2;
    const answer = isEventSource
      ? /^HTTP\/1\.1 200 [\s\S]*allow-origin: http:\/\/page\.example\r\n[\s\S]*\r\n\r\nretry: \d{4,}\n/i
      : /^HTTP\/1\.1 503 [\s\S]*retry-after: \d/i;
    expect(socket.received).toMatch(answer);
  }
  expect(gateway.connections).toBe(all.length - refused.length);
});

test.each(["HANDSHAKE", "EVENTS"] as const)(
  "those whose turn is the same do not share the last places: %s",
  async (kind) => {
    const { gateway, admission, clock } = crowded(1000, { permits: 50 });
    const all = await sockets(150, gateway.port);
    for (const socket of all) socket.write({ HANDSHAKE, EVENTS }[kind]);
    while (gateway.entrance.pace.waiting < 110) await nextTurn();
    clock.stands = true;
    await Promise.all(all.map((socket) => socket.until(/"type":"welcome"|"code":"instance_full"/)));
    expect([gateway.connections, admission.refused.instance_full]).toEqual([50, 100]);
  },
);

test.each(["here", "in the kernel"])(
  "who waits %s when the port is closed is told to go elsewhere",
  async (where) => {
    const { gateway, admission } = crowded(1000, {
      acceptedMin: where === "here" ? Number.POSITIVE_INFINITY : 1,
    });
    const all = await sockets(150, gateway.port);
    for (const [at, socket] of all.entries()) socket.write(at % 2 === 0 ? HANDSHAKE : EVENTS);
    const waiting = () => (where === "here" ? gateway.entrance.pace.waiting : gateway.acceptQueue.now);
    while (waiting() < 110) await nextTurn();
    admission.accepting = false;
    const { port } = gateway;
    const closing = gateway.close();
    // A signal that comes late.
    gateway.setTls({ cert: "", key: "" });
    await closing;
    await Promise.all(all.map((socket) => socket.closed));
    const isAnswered = ({ received }: RawSocket) => /"type":"welcome"|"code":"draining"/.test(received);
    expect(all.filter(isAnswered)).toHaveLength(150);
    expect(listeningDescriptors(port)).toEqual([]);
  },
);

test("one address that asks for too much does not fill the room of those who wait", async () => {
  const { gateway, admission } = crowded(10, {
    rate: { perSecondPerAddress: 3, now: () => 0 },
    addresses: { trustedProxies: ["127.0.0.1"] },
  });
  const all = await sockets(60, gateway.port);
  const from = (address: string) => HANDSHAKE.replace("\r\n", `\r\nX-Forwarded-For: ${address}\r\n`);
  const addresses = all.map((_, at) => (at < 55 ? "203.0.113.9" : `203.0.113.${at}`));
  for (const [at, socket] of all.entries()) socket.write(from(addresses[at] ?? ""));
  await Promise.all(all.map((socket) => socket.until(/"type":"welcome"|"error"/)));
  for (const { received } of all.slice(55)) expect(received).toContain('"type":"welcome"');
  expect([admission.admitted, admission.refused.accept_rate]).toEqual([8, 0]);
});

const HANDSHAKE =
  "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const EVENTS = "GET /sse?channels=a HTTP/1.1\r\nHost: x\r\n\r\n";
const EVENT_SOURCE = EVENTS.replace(
  "\r\n",
  "\r\nAccept: text/event-stream\r\nOrigin: http://page.example\r\n",
);
