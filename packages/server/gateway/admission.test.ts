// Who is let in, over real sockets.
import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { type GatewayFixtureOptions, gatewayFixture, RawClient } from "./gateway.fixture.ts";
import { refusedHandshake } from "./refusedHandshake.fixture.ts";

const closedLater = closedAfterEach();

function start(options: GatewayFixtureOptions) {
  return closedLater(gatewayFixture(options));
}

async function join(url: string, headers: Record<string, string> = {}): Promise<RawClient> {
  return closedLater(await RawClient.open(url, { headers }));
}

async function refusal(url: string, headers: Record<string, string> = {}) {
  const response = await refusedHandshake(url, headers);
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, code: error.code, retryAfter: response.headers.get("retry-after") };
}

test("beyond the rate new clients are sent away for a while, and those who are in do not notice", async () => {
  const clock = { ms: 0 };
  const { url, admission, publish } = start({ rate: { perSecond: 2, now: () => clock.ms } });
  const [first, second] = [await join(url), await join(url)];
  const later: number[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    const { status, code, retryAfter } = await refusal(url);
    expect([status, code]).toEqual([503, "accept_rate"]);
    later.push(Number(retryAfter));
  }
  expect(Math.min(...later)).toBeGreaterThanOrEqual(2);
  // They are not all told the same, or they would all come back at once.
  expect(new Set(later).size).toBeGreaterThan(1);
  await first.ask({ type: "subscribe", id: 1, channels: ["x"] });
  publish("x", 1);
  expect(await first.ask({ type: "ping", id: 2 })).toMatchObject({ type: "pong" });
  expect(first.data).toEqual([1]);
  expect(second.closeCode).toBeUndefined();
  clock.ms = 1000;
  await join(url);
  expect([admission.admitted, admission.refused.accept_rate]).toEqual([3, 20]);
});

test("an instance under pressure takes nobody new, and goes on serving those who are in", async () => {
  const { url, admission, publish } = start({});
  const client = await join(url);
  await client.ask({ type: "subscribe", id: 1, channels: ["x"] });
  for (const [index, pressure] of (["saturated", "memory_full"] as const).entries()) {
    admission.pressure = pressure;
    expect(await refusal(url)).toMatchObject({ status: 503, code: pressure });
    publish("x", pressure);
    // Who is in may still ask for more.
    await client.ask({ type: "subscribe", id: 2 + index, channels: [pressure] });
    publish(pressure, "new");
  }
  await client.ask({ type: "ping", id: 9 });
  expect(client.data).toEqual(["saturated", "new", "memory_full", "new"]);
  admission.pressure = undefined;
  await join(url);
  expect(admission.refused).toMatchObject({ saturated: 1, memory_full: 1 });
});

test("subscriptions beyond the shard's are refused one by one, and with none left nobody new is let in", async () => {
  const { url, hub, admission, publish } = start({});
  hub.room.max = 3;
  const first = await join(url);
  await first.ask({ type: "subscribe", id: 1, channels: ["a"] });
  const second = await join(url);
  const answer = await second.ask({
    type: "subscribe",
    id: 1,
    channels: ["b", "c", "d", "b"],
    since: ["x:1"],
  });
  expect(answer).toMatchObject({ type: "error", code: "since_invalid" });
  expect(await second.ask({ type: "subscribe", id: 2, channels: ["b", "c", "d"] })).toMatchObject({
    channels: [{ channel: "d", error: { code: "subscriptions_full" } }, { channel: "b" }, { channel: "c" }],
  });
  expect(await refusal(url)).toMatchObject({ status: 503, code: "subscriptions_full" });
  publish("b", 1);
  await second.ask({ type: "unsubscribe", id: 3, channels: ["b"] });
  expect(second.data).toEqual([1]);
  const third = await join(url);
  await third.ask({ type: "subscribe", id: 1, channels: ["d"] });
  expect([hub.room.count, hub.room.refused]).toEqual([3, 1]);
  for (const client of [first, second, third]) client.close();
  await Promise.all([first, second, third].map((client) => client.closed()));
  expect(hub.room.left).toBe(3);
  expect(admission.refused.subscriptions_full).toBe(1);
});

test("a resume has its subscriptions from its beginning: who comes meanwhile finds no room, and it is not refused in the end", async () => {
  const { url, hub, publish, logHeld } = start({ history: { messagesMax: 1 } });
  for (let i = 0; i < 5; i++) publish("x", i);
  hub.room.max = 3;
  const [resuming, leaving, other] = [await join(url), await join(url), await join(url)];
  const log = Promise.withResolvers<void>();
  logHeld.until = log.promise;
  const resume = { type: "subscribe", id: 1, channels: ["x"], since: ["stream0:1"] } as const;
  for (const client of [resuming, leaving]) {
    client.send(resume);
    await client.ask({ type: "ping", id: 2 });
  }
  const refused = { channels: [{ channel: "z", error: { code: "subscriptions_full" } }, { channel: "y" }] };
  expect(await other.ask({ type: "subscribe", id: 1, channels: ["y", "z"] })).toMatchObject(refused);
  leaving.close();
  await leaving.closed();
  while (hub.room.left === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await other.ask({ type: "subscribe", id: 2, channels: ["z"] })).toMatchObject({
    channels: [{ channel: "z", recovered: true }],
  });
  log.resolve();
  await resuming.until(() => resuming.received.some(({ type }) => type === "subscribed"));
  expect(resuming.received.at(-1)).toMatchObject({ channels: [{ channel: "x", recovered: true }] });
  expect(resuming.data).toEqual([2, 3, 4]);
  expect([hub.room.count, hub.room.promised, hub.room.left]).toEqual([3, 0, 0]);
});

test("one address gets 429 beyond its own rate, while others come in", async () => {
  const { url, admission } = start({
    rate: { perSecondPerAddress: 2, now: () => 0 },
    addresses: { trustedProxies: ["127.0.0.1"] },
  });
  const from = (address: string) => ({ "X-Forwarded-For": `8.8.8.8, ${address}` });
  await join(url, from("203.0.113.9"));
  await join(url, from("203.0.113.9"));
  expect(await refusal(url, from("203.0.113.9"))).toMatchObject({ status: 429, code: "address_rate" });
  await join(url, from("203.0.113.10"));
  expect([admission.admitted, admission.refused.address_rate]).toEqual([3, 1]);
});

test("without trusted proxies the socket's address is limited, whatever a client says of itself", async () => {
  const { url } = start({ rate: { perSecondPerAddress: 1, now: () => 0 } });
  await join(url, { "X-Forwarded-For": "203.0.113.9" });
  expect(await refusal(url, { "X-Forwarded-For": "203.0.113.10" })).toMatchObject({ status: 429 });
});

test("where a proxy hides addresses, no limit is taken for one address's", async () => {
  const { url, gateway } = start({
    rate: { perSecondPerAddress: 1, now: () => 0 },
    addresses: { hidden: true },
  });
  for (let count = 0; count < 5; count++) await join(url);
  expect(gateway.connections).toBe(5);
});
