// Where a client goes when an instance that holds too many has sent it away.
import { afterEach, expect, test } from "bun:test";
import { Fixture } from "./clients.fixture.ts";
import type { Peer, ScriptedServer } from "./server.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

function server(instance: string): ScriptedServer {
  const started = fixture.server();
  started.instance = instance;
  return started;
}

async function sendAway(peer: Peer, mark: string): Promise<void> {
  await peer.acceptNext(mark);
  peer.send({ type: "reconnect", afterMs: 10, reason: "rebalancing" });
}

test("it goes on to another address where the first leads to the same instance again, and resumes there", async () => {
  const [first, second] = [server("a"), server("b")];
  const client = fixture.client([first.url, second.url]);
  client.subscribe("x", () => {});
  await sendAway(await first.connections.next(), "m1");
  const back = await first.connections.next();
  const elsewhere = await second.connections.next();
  expect((await elsewhere.subscribes.next()).since).toEqual(["m1"]);
  expect(await back.closed.next()).toBe(1000);
  expect(back.order).toEqual([]);
  expect(client.url).toBe(second.url);
  expect(client.stats).toMatchObject({ reconnects: 1, errors: 0 });
});

test("it stays with an address behind which another instance answers", async () => {
  const [balancer, otherRegion] = [server("a"), server("z")];
  const client = fixture.client([balancer.url, otherRegion.url]);
  client.subscribe("x", () => {});
  const peer = await balancer.connections.next();
  balancer.instance = "b";
  await sendAway(peer, "m1");
  const again = await balancer.connections.next();
  expect((await again.subscribes.next()).since).toEqual(["m1"]);
  expect(client.url).toBe(balancer.url);
});

test("it comes back to the same instance where there is no other address, or none that answers", async () => {
  const [only, first, second] = [server("a"), server("a"), server("b")];
  second.isRefusing = true;
  for (const [urls, visits, token = "t"] of [
    [[only.url], 1],
    // As one of several is looked after, and yet there is no other.
    [[only.url], 1, () => "t"],
    [[first.url, second.url], 2],
  ] as const) {
    const own = urls[0] === only.url ? only : first;
    fixture.client(urls, { token }).subscribe("x", () => {});
    await sendAway(await own.connections.next(), "m1");
    let again = await own.connections.next();
    for (let visit = 1; visit < visits; visit++) again = await own.connections.next();
    expect((await again.subscribes.next()).since).toEqual(["m1"]);
  }
});

test("it comes back to the same address when that drains", async () => {
  const [first, second] = [server("a"), server("b")];
  fixture.client([first.url, second.url]).subscribe("x", () => {});
  const peer = await first.connections.next();
  await peer.acceptNext("m1");
  peer.send({ type: "reconnect", afterMs: 10, reason: "draining" });
  const again = await first.connections.next();
  expect((await again.subscribes.next()).since).toEqual(["m1"]);
});
