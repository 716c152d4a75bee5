import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture, RawClient } from "./gateway.fixture.ts";
import { LastValues } from "./lastValues.ts";

const closedLater = closedAfterEach();

function piecewise(names: readonly string[], pieceBytes: number) {
  const fixture = closedLater(gatewayFixture());
  for (const channel of ["a.1", "a.2", "a.3", "b"]) fixture.publish(channel, channel);
  const pieces: string[][] = [];
  let finished = 0;
  const values = new LastValues({
    history: fixture.hub.history,
    names,
    pieceBytes,
    send: (texts) =>
      void pieces.push(texts.map((text) => `${JSON.parse(text).channel} ${JSON.parse(text).data}`)),
    finish: () => {
      finished += 1;
    },
  });
  return { fixture, values, pieces, finished: () => finished };
}

test("last values go out in pieces, each channel once, however many names cover it", () => {
  const { values, pieces, finished } = piecewise(["b", "a.*", "a.2"], 1);
  while (values.advance()) expect(finished()).toBe(0);
  expect(pieces).toEqual([["b b"], ["a.1 a.1"], ["a.2 a.2"], ["a.3 a.3"]]);
  expect(finished()).toBe(1);
});

test("a channel that had a live message since then is left out: an older one must not come after it", () => {
  const { fixture, values, pieces } = piecewise(["a.*", "b"], 1);
  values.advance();
  fixture.publish("a.2", "newer");
  fixture.publish("a.0", "new");
  while (values.advance());
  expect(pieces.flat()).toEqual(["b b", "a.1 a.1", "a.3 a.3"]);
});

test("requests wait behind a resume while they are few and short, and are refused beyond that", async () => {
  const fixture = closedLater(gatewayFixture());
  const client = closedLater(await RawClient.open(fixture.url));
  fixture.logAhead.next = 10;
  client.send({ type: "subscribe", id: 1, channels: ["x"], since: ["stream0:7"] });
  const names = Array.from({ length: 60 }, (_, i) => `${"n".repeat(200)}${i}`);
  for (let id = 2; id < 9; id++) client.send({ type: "unsubscribe", id, channels: names });
  const refusedIds = () =>
    client.received.flatMap((each) =>
      each.type === "error" && each.code === "too_many_requests" ? [each.id] : [],
    );
  await client.ask({ type: "ping", id: 20 });
  // Each has about 12 KiB; 64 KiB may wait.
  expect(refusedIds()).toEqual([7, 8]);
  for (let i = 0; i < 10; i++) fixture.publish("x", i);
  await client.until(() => client.received.filter((each) => each.type === "unsubscribed").length === 5);
  const answered = client.received.flatMap((each) =>
    "id" in each && each.type !== "error" ? [each.id] : [],
  );
  expect(answered).toEqual([20, 1, 2, 3, 4, 5, 6]);
});
