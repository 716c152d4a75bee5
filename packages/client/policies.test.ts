import { afterEach, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { Fixture } from "./clients.fixture.ts";
import type { GapEvent } from "./events.ts";
import { Inbox } from "./inbox.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

test("the policy of a subscription is asked for, and again on each connection", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  client.subscribe("a", () => {}, { maxRate: 5 });
  client.subscribe("b", () => {}, { policy: "latest", snapshot: true });
  client.subscribe("c", () => {}, { policy: "lossless" });
  const first = await server.connections.next();
  expect((await first.acceptNext("m1")).channels).toEqual([
    { channel: "a", snapshot: false, maxRate: 5 },
    { channel: "b", snapshot: true, policy: "latest" },
    "c",
  ]);
  first.cut();
  const again = await (await server.connections.next()).acceptNext("m2");
  // The last value of b has not come.
  expect(again.channels).toEqual([
    { channel: "a", snapshot: false, maxRate: 5 },
    { channel: "b", snapshot: true, policy: "latest" },
    "c",
  ]);
});

test("after a lost connection a subscription to newest values gets the last value, and no gap", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const heard = new Inbox<DataMessage>();
  const gaps = new Inbox<GapEvent>();
  client.on("gap", gaps.push);
  client.subscribe("a.*", heard.push, { policy: "latest" });
  const first = await server.connections.next();
  await first.acceptNext("m1");
  first.message("a.x", "sssssss:1");
  await heard.next();
  first.cut();
  const second = await server.connections.next();
  await second.acceptNext("m2");
  second.message("a.x", "sssssss:9", { snapshot: true });
  second.message("a.y", "sssssss:7", { snapshot: true });
  expect([(await heard.next()).cursor, (await heard.next()).cursor]).toEqual(["sssssss:9", "sssssss:7"]);
  expect(gaps.left).toBe(0);
});

test("a channel has one policy in a client: another one is refused at once", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  client.subscribe("a", () => {}, { maxRate: 5 });
  client.subscribe("a", () => {}, { maxRate: 5 });
  const other = () => client.subscribe("a", () => {});
  expect(other).toThrow(expect.objectContaining({ code: "policy_conflict", channel: "a" }));
});
