// A ping is answered at once, whatever else the connection waits for.
import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();

async function resuming() {
  const fixture = closedLater(gatewayFixture({ history: { messagesMax: 5 } }));
  for (let i = 0; i < 20; i++) fixture.publish("x", i);
  const held = Promise.withResolvers<void>();
  fixture.logHeld.until = held.promise;
  const client = closedLater(await RawClient.open(fixture.url));
  client.send({ type: "subscribe", id: 1, channels: ["x"], since: [`${STREAM}:2`] });
  return { fixture, client, release: held.resolve };
}

test("a ping is answered while a log read is under way, without a mark", async () => {
  const { client } = await resuming();
  expect(await client.ask({ type: "ping", id: 2 })).toEqual({ type: "pong", id: 2 });
});

test("other requests keep their order behind a resume, and pongs have a mark again after it", async () => {
  const { client, fixture, release } = await resuming();
  client.send({ type: "unsubscribe", id: 2, channels: ["x"] });
  client.send({ type: "subscribe", id: 3, channels: ["y"] });
  await client.ask({ type: "ping", id: 4 });
  release();
  await client.until(() => client.received.some((each) => each.type === "subscribed" && each.id === 3));
  expect(client.received.flatMap((each) => ("id" in each ? [each.id] : []))).toEqual([4, 1, 2, 3]);
  expect(client.data).toEqual(Array.from({ length: 17 }, (_, i) => i + 3));
  expect(await client.ask({ type: "ping", id: 5 })).toEqual({
    type: "pong",
    id: 5,
    mark: fixture.hub.mark(),
  });
});
