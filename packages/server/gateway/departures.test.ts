// Clients that are sent elsewhere, one after the other, over real sockets.
import { expect, test } from "bun:test";
import type { ServerMessage } from "@shardcast/protocol/messages";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { GRACE_MS } from "./departures.ts";
import { gatewayFixture, RawClient } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();

async function start(clients: number) {
  const fixture = closedLater(gatewayFixture());
  const connected: RawClient[] = [];
  for (let index = 0; index < clients; index++) connected.push(await RawClient.open(fixture.url));
  return { ...fixture, clients: connected };
}

function noticeOf(client: RawClient): Extract<ServerMessage, { type: "reconnect" }> | undefined {
  return client.received.find((message) => message.type === "reconnect");
}

async function slotOf(client: RawClient): Promise<number> {
  await client.until(() => noticeOf(client) !== undefined);
  return noticeOf(client)?.afterMs ?? -1;
}

test("each client gets a slot of its own, at the pace that was asked for", async () => {
  const { gateway, clients } = await start(10);
  expect(gateway.depart({ reason: "draining", perSecond: 100 })).toBe(10);
  const slots = await Promise.all(clients.map(slotOf));
  // Each is what is left of it when the client is told.
  for (const [index, afterMs] of slots.entries()) {
    expect(afterMs).toBeLessThanOrEqual((index + 1) * 10);
    expect(afterMs).toBeGreaterThanOrEqual(Math.max(0, index * 10 - 50));
  }
  expect(gateway.departures.told).toEqual({ draining: 10, rebalancing: 0 });
  expect(clients.map((client) => noticeOf(client)?.reason)).toEqual(new Array(10).fill("draining"));
});

test("of a part, those go who have been here for the longest, and nobody is told twice", async () => {
  const { gateway, clients } = await start(4);
  const order = { reason: "rebalancing", clients: 2, perSecond: 1 } as const;
  expect(gateway.depart(order)).toBe(2);
  expect(gateway.depart({ ...order, clients: 1 })).toBe(1);
  await Promise.all(clients.slice(0, 3).map(slotOf));
  expect(gateway.departures.waiting).toBe(3);
  await clients[3]?.ask({ type: "ping", id: 1 });
  expect(clients.map((client) => client.received.filter(({ type }) => type === "reconnect").length)).toEqual([
    1, 1, 1, 0,
  ]);
});

test("who goes by itself is not closed; who stays is, one after the other, and may come back", async () => {
  const { gateway, clients } = await start(3);
  const [obedient, ...stubborn] = clients;
  const beganMs = performance.now();
  gateway.depart({ reason: "draining", perSecond: 4 });
  await Promise.all(clients.map(slotOf));
  obedient?.close();
  const endsMs = await Promise.all(
    stubborn.map(async (client) => {
      expect(await client.closed()).toBe(1012);
      return performance.now() - beganMs;
    }),
  );
  expect(Math.min(...endsMs)).toBeGreaterThanOrEqual(GRACE_MS);
  expect(Math.abs((endsMs[1] ?? 0) - (endsMs[0] ?? 0))).toBeGreaterThan(100);
  expect(gateway.departures.closed).toEqual({ draining: 2, rebalancing: 0 });
  expect(gateway.departures.waiting).toBe(0);
});

test("an instance that ends does not wait for the slots of a rebalancing: its clients are told nearer ones", async () => {
  const { gateway, clients } = await start(3);
  gateway.depart({ reason: "rebalancing", clients: 2, perSecond: 0.01 });
  await Promise.all(clients.slice(0, 2).map(slotOf));
  expect(gateway.depart({ reason: "draining", perSecond: 100 })).toBe(3);
  const last = (client: RawClient) => client.received.findLast((message) => message.type === "reconnect");
  await Promise.all(clients.map((client) => client.until(() => last(client)?.reason === "draining")));
  for (const client of clients) expect(last(client)?.afterMs).toBeLessThanOrEqual(30);
  expect(gateway.departures.waiting).toBe(3);
  for (const client of clients) expect(await client.closed()).toBe(1012);
  expect(gateway.departures.closed).toEqual({ draining: 3, rebalancing: 0 });
});

test("messages go on until a client has left", async () => {
  const { gateway, clients, publish } = await start(1);
  const [client] = clients;
  await client?.ask({ type: "subscribe", id: 1, channels: ["a"] });
  gateway.depart({ reason: "draining", perSecond: 1 });
  publish("a", 1);
  await client?.until(() => client.data.length === 1);
  expect(client?.data).toEqual([1]);
});
