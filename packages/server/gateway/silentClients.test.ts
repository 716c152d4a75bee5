// Who vanishes without a word is found although messages go to it, over real sockets.
import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture, RawClient } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";
import { type SilentClient, SilentClients } from "./silentClients.ts";

const closedLater = closedAfterEach();

const SUBSCRIBE = { type: "subscribe", id: 1, channels: ["busy"] };

test("a client that answers no ping is cut off on a busy channel too, and one that only answers pings stays", async () => {
  const fixture = closedLater(gatewayFixture({ gateway: { pingIntervalMs: 1000, idleTimeoutMs: 4000 } }));
  const quiet = closedLater(await RawClient.open(fixture.url));
  await quiet.ask(SUBSCRIBE);
  // It reads and its kernel confirms, but it says nothing.
  const silent = closedLater(await RawSocket.upgraded(fixture.gateway.port));
  silent.writeFrame(1, new TextEncoder().encode(JSON.stringify(SUBSCRIBE)));
  await silent.until('"subscribed"');
  let sent = 0;
  const feeding = setInterval(() => fixture.publish("busy", sent++), 100);
  closedLater({ close: () => clearInterval(feeding) });
  await silent.closed;
  expect(fixture.gateway.silent.cutOff).toBe(1);
  // As long again as it took for the other.
  const until = sent + 60;
  await quiet.until(() => quiet.data.includes(until));
  expect(quiet.data).toEqual(Array.from({ length: until + 1 }, (_, i) => i));
  expect(fixture.gateway.silent.cutOff).toBe(1);
}, 30_000);

test("a client is asked when it was silent for an interval, and given up at the timeout", () => {
  const done: string[] = [];
  const client: SilentClient = {
    silentLooks: 0,
    socket: { ping: () => done.push("ping"), terminate: () => done.push("cut off") },
  };
  const silent = new SilentClients({ clients: () => [client], pingIntervalMs: 2000, idleTimeoutMs: 7000 });
  const look = (times: number) => {
    for (let i = 0; i < times; i++) silent.look();
    return done.splice(0);
  };
  expect(look(2)).toEqual([]);
  expect(look(1)).toEqual(["ping"]);
  client.silentLooks = 0;
  expect(look(2)).toEqual([]);
  expect(look(4)).toEqual(["ping", "ping"]);
  expect(look(1)).toEqual(["cut off"]);
  expect(silent.cutOff).toBe(1);
});
