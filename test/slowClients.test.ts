// Clients that do not read beside clients that do, on a whole instance: `npm run bench -- slow` is the same with 1,000 and 9,000.
import { expect, test } from "bun:test";
import { connect } from "../packages/client/client.ts";
import { RawSocket } from "../packages/server/gateway/rawSocket.fixture.ts";
import { closedAfterEach } from "./closing.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { metricOf, until } from "./status.fixture.ts";

const HEALTHY = 180;
const STALLED = { latest: 10, rate: 5, lossless: 5 };
const CHANNELS = ["bulk.a", "bulk.b", "bulk.c"];
const PER_TURN = 10;
const filler = "x".repeat(4000);

const closedLater = closedAfterEach();

interface Numbered {
  readonly n: number;
}

async function start(): Promise<TestInstance> {
  // Who does not read answers no ping either: on a busy machine it would be cut off for its silence, before the test is through.
  const flags = ["--shards", "2", "--backpressure-bytes", "128KiB", "--idle-timeout-ms", "600000"];
  const instance = await startInstance(flags);
  closedLater({ close: () => instance.end() });
  return instance;
}

function healthyClient(url: string, onMessage: () => void) {
  const client = closedLater(connect(url));
  const numbers: number[] = [];
  const { ready } = client.subscribe<Numbered>("bulk.*", ({ data }) => {
    numbers.push(data.n);
    onMessage();
  });
  return { client, numbers, ready };
}

async function stalledClient(url: string, request: object): Promise<RawSocket> {
  const socket = closedLater(await RawSocket.upgraded(Number(new URL(url).port)));
  socket.writeFrame(1, new TextEncoder().encode(JSON.stringify({ type: "subscribe", id: 1, ...request })));
  await socket.until('"subscribed"');
  socket.stopReading();
  return socket;
}

const stalledClients = (url: string, count: number, policy: object) =>
  Promise.all(
    Array.from({ length: count }, () => stalledClient(url, { channels: [{ channel: "bulk.*", ...policy }] })),
  );

function messagesOf(socket: RawSocket): Array<{ channel: string; cursor: string; data: Numbered }> {
  return socket.messages.map((text) => JSON.parse(text)).filter(({ type }) => type === "message");
}

function lastOf(socket: RawSocket): Record<string, number> {
  return Object.fromEntries(messagesOf(socket).map(({ channel, data }) => [channel, data.n]));
}

function metric({ admin }: TestInstance, name: string): Promise<number> {
  return metricOf({ adminPort: Number(new URL(admin).port) }, `shardcast_${name}`);
}

test("20 clients that do not read cost 180 others nothing, and each ends as its policy says", async () => {
  const instance = await start();
  const { url } = instance;
  let published = 0;
  let received = 0;
  let arrived = Promise.withResolvers<void>();
  const onMessage = (): void => {
    if (++received === published * HEALTHY) arrived.resolve();
  };
  const healthy = Array.from({ length: HEALTHY }, () => healthyClient(url, onMessage));
  await Promise.all(healthy.map(({ ready }) => ready));
  const latest = await stalledClients(url, STALLED.latest, { policy: "latest" });
  const rate = await stalledClients(url, STALLED.rate, { maxRate: 10 });
  const lossless = await stalledClients(url, STALLED.lossless, {});

  const last: Record<string, number> = {};
  const publish = async (): Promise<void> => {
    const items = Array.from({ length: PER_TURN }, () => {
      const channel = CHANNELS[published % CHANNELS.length] ?? "";
      last[channel] = published;
      return { channel, data: { n: published++, filler } };
    });
    arrived = Promise.withResolvers();
    await instance.publish(...items);
    // They share one thread with what publishes: on a busy machine they would fall behind it, and be slow themselves.
    await arrived.promise;
  };
  const areAllBehind = async () =>
    (await metric(instance, "clients_behind")) === STALLED.latest + STALLED.rate &&
    (await metric(instance, "slow_disconnects_total")) === STALLED.lossless;
  while (!(await areAllBehind())) await publish();
  // Much more than any buffer takes: nothing grows with it.
  for (let i = 0; i < 50; i++) await publish();
  const unsentBytes = await metric(instance, "slow_client_bytes");
  expect(unsentBytes).toBeLessThan((STALLED.latest + STALLED.rate) * 2 * (128 << 10));

  const all = Array.from({ length: published }, (_, n) => n);
  for (const { numbers, client } of healthy) {
    expect(numbers).toEqual(all);
    expect(client.stats.reconnects).toBe(0);
  }

  for (const socket of [...latest, ...rate]) {
    socket.readAgain();
    await until("it has the last values", async () => Bun.deepEquals(lastOf(socket), last));
    expect(messagesOf(socket).length).toBeLessThan(published);
  }
  // What a catch-up sends may be unsent for a moment, too.
  await until("nobody is behind", async () => (await metric(instance, "clients_behind")) === 0);
  expect(await metric(instance, "conflated_messages_total")).toBeGreaterThan(50 * PER_TURN * STALLED.latest);

  // Whoever was owed everything comes back to where it was, and has everything.
  for (const socket of lossless) {
    socket.readAgain();
    await socket.closed;
    const before = messagesOf(socket);
    const since = [before.at(-1)?.cursor];
    const again = closedLater(await RawSocket.upgraded(Number(new URL(url).port)));
    const request = { type: "subscribe", id: 1, channels: ["bulk.*"], since };
    again.writeFrame(1, new TextEncoder().encode(JSON.stringify(request)));
    await again.until('"subscribed"');
    const numbers = [...before, ...messagesOf(again)].map(({ data }) => data.n);
    expect(before.length).toBeGreaterThan(0);
    expect(numbers).toEqual(all);
  }
}, 120_000);
