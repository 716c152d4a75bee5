// The public port with TLS, and a certificate that changes while clients are there.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { makeCertificates } from "../../../test/services/certificates.ts";
import { connectTrusting, fingerprintAt } from "../../../test/services/tlsPeer.ts";
import { gatewayFixture, RawClient } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();
const directory = mkdtempSync(join(tmpdir(), "shardcast-tls-"));
const identity = () => makeCertificates(mkdtempSync(join(directory, "c"))).server;
const first = identity();
const second = identity();

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function start() {
  const fixture = closedLater(gatewayFixture({ gateway: { tls: first } }));
  const connect = async () => {
    const client = closedLater(await RawClient.over(connectTrusting(fixture.url.replace("ws:", "wss:"))));
    await client.ask({ type: "subscribe", id: 1, channels: ["a"] });
    return client;
  };
  return { ...fixture, connect };
}

test("a new certificate is shown to new clients, and old ones stay and miss nothing", async () => {
  const { gateway, connect, publish } = start();
  const before = await fingerprintAt(gateway.port);
  const old = await connect();
  publish("a", 1);
  gateway.setTls(second);
  publish("a", 2);
  const after = await fingerprintAt(gateway.port);
  expect(after).not.toBe(before);
  for (let i = 0; i < 20; i++) expect(await fingerprintAt(gateway.port)).toBe(after);
  const young = await connect();
  publish("a", 3);
  await old.until(() => old.data.length >= 3);
  await young.until(() => young.data.length >= 1);
  expect([old.data, young.data]).toEqual([[1, 2, 3], [3]]);
  expect(gateway.connections).toBe(2);
});

test("a certificate that comes while connections are held back in the kernel is shown to all who come after", async () => {
  const { gateway, connect, publish } = start();
  const { port } = gateway;
  const before = await fingerprintAt(port);
  gateway.entrance.pace.accepts?.hold();
  gateway.setTls(second);
  const after = await fingerprintAt(port);
  expect(after).not.toBe(before);
  for (let i = 0; i < 20; i++) expect(await fingerprintAt(port)).toBe(after);
  const young = await connect();
  publish("a", 1);
  await young.until(() => young.data.length >= 1);
});

test("after a new certificate it is the new listener's connections that are held back, and nobody else's", async () => {
  const { gateway, connect, publish } = start();
  const before = gateway.entrance.pace.accepts;
  gateway.setTls(second);
  const { accepts } = gateway.entrance.pace;
  expect(accepts).not.toBe(before);
  // These have the numbers that the former listener had.
  const young = await Promise.all(Array.from({ length: 5 }, connect));
  accepts?.hold();
  for (let at = 0; at < 20; at++) closedLater(await RawSocket.open(gateway.port)).write("not seen");
  while (gateway.acceptQueue.now < 20) await Bun.sleep(1);
  publish("a", 1);
  await Promise.all(young.map((client) => client.until(() => client.data.length >= 1)));
  accepts?.release();
  await connect();
});

test("a certificate that comes while a shard starts is the one that its port opens with", async () => {
  const fixtures = [
    gatewayFixture({ gateway: { tls: second } }),
    gatewayFixture({ gateway: { tls: first }, beforeOpening: (gateway) => gateway.setTls(second) }),
  ];
  for (const each of fixtures) closedLater(each);
  const [expected, shown] = await Promise.all(fixtures.map(({ gateway }) => fingerprintAt(gateway.port)));
  expect(shown).toBe(expected ?? "");
});

test("a certificate that can not be used leaves the port as it was", async () => {
  const { gateway, connect } = start();
  const before = await fingerprintAt(gateway.port);
  expect(() => gateway.setTls({ cert: "nothing", key: "nothing" })).toThrow();
  expect(await fingerprintAt(gateway.port)).toBe(before);
  await connect();
});

test("clients of the oldest of many certificates are sent away to come back", async () => {
  const { gateway, connect } = start();
  const clients: RawClient[] = [];
  for (let i = 0; i < 6; i++) {
    clients.push(await connect());
    gateway.setTls(i % 2 === 0 ? second : first);
  }
  const [oldest] = clients;
  expect([await oldest?.closed(), await clients[1]?.closed()]).toEqual([1012, 1012]);
  for (const client of clients.slice(2)) await client.ask({ type: "ping", id: 5 });
});
