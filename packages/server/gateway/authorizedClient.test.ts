// What a client with a token may subscribe to, and how long it may stay.
import { describe, expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { authorizing, IN_AN_HOUR, NOW_MS, subscribed, tokenFor } from "./authorization.fixture.ts";
import { RawClient, STREAM } from "./gateway.fixture.ts";

const closedLater = closedAfterEach();
const { start, connect } = authorizing(closedLater);

describe("a client", () => {
  test("gets what its claim covers as a whole, and the others are told one by one", async () => {
    const { url } = start();
    const client = await connect(url, await tokenFor({ claims: { channels: ["a.b.*", "c", "d.*"] } }));
    expect(await subscribed(client, "a.b.x", "a.b.*", "a.b.x.*", "c", "d.e.f", "d.*")).toEqual({
      ...{ "a.b.x": "ok", "a.b.*": "ok", "a.b.x.*": "ok", c: "ok", "d.e.f": "ok", "d.*": "ok" },
    });
    const forbidden = ["a.b", "a.*", "a.bc", "c.*", "c.x", "d"];
    expect(await subscribed(client, ...forbidden)).toEqual(
      Object.fromEntries(forbidden.map((name) => [name, "channel_forbidden"])),
    );
  });

  test("without a token has the anonymous channels alone; with one both; `*` is everything", async () => {
    const { url } = start({}, { anonymousChannels: ["news.*"] });
    const anonymous = closedLater(await RawClient.open(url));
    expect(await subscribed(anonymous, "news.x", "a.b")).toEqual({
      "news.x": "ok",
      "a.b": "channel_forbidden",
    });
    const client = await connect(url, await tokenFor());
    expect(await subscribed(client, "news.x", "a.b", "c")).toMatchObject({
      "a.b": "ok",
      "news.x": "ok",
      c: "channel_forbidden",
    });
    const root = await connect(url, await tokenFor({ claims: { channels: ["*"] } }));
    expect(await subscribed(root, "x.*", "y")).toEqual({ "x.*": "ok", y: "ok" });
  });

  test("is warned, then sent away with 4401 when its token is past its end and the leeway", async () => {
    const { url, clock, access, gateway } = start();
    const client = await connect(url, await tokenFor());
    await client.ask({ type: "ping", id: 1 });
    clock.moveTo(NOW_MS + 3_569_999);
    await client.ask({ type: "ping", id: 2 });
    expect(client.received.some(({ type }) => type === "token_expiring")).toBe(false);
    clock.moveTo(NOW_MS + 3_570_000);
    await client.until(() => client.received.some(({ type }) => type === "token_expiring"));
    expect(client.received.at(-1)).toEqual({ type: "token_expiring", expiresInMs: 30_000 });
    clock.moveTo(NOW_MS + 3_604_999);
    await client.ask({ type: "ping", id: 3 });
    clock.moveTo(NOW_MS + 3_605_000);
    expect(await client.closed()).toBe(4401);
    expect([access.expired, gateway.closes[4401]]).toEqual([1, 1]);
  });

  test("refreshes its token over the connection, and is warned of the new one's end", async () => {
    const { url, clock } = start();
    const client = await connect(url, await tokenFor());
    expect(await subscribed(client, "a.b")).toEqual({ "a.b": "ok" });
    const expires = IN_AN_HOUR + 3600;
    const answer = await client.ask({ type: "auth", id: 9, token: await tokenFor({ expires }) });
    expect(answer).toEqual({ type: "authenticated", id: 9, expiresAtMs: expires * 1000 });
    clock.moveTo(NOW_MS + 3_700_000);
    await client.ask({ type: "ping", id: 10 });
    expect(client.received.some(({ type }) => type === "token_expiring")).toBe(false);
    clock.moveTo(NOW_MS + 7_200_000 - 30_000);
    await client.until(() => client.received.some(({ type }) => type === "token_expiring"));
  });

  test("loses what a new token does not allow, and is told; nothing more of it comes", async () => {
    const { url, publish } = start();
    const client = await connect(url, await tokenFor({ claims: { channels: ["a.*", "b"] } }));
    await subscribed(client, "a.*", "a.x", "b");
    const token = await tokenFor({ claims: { channels: ["a.x", "b"] } });
    expect(await client.ask({ type: "auth", id: 9, token })).toMatchObject({
      type: "authenticated",
      revoked: ["a.*"],
    });
    publish("a.y", "forbidden");
    publish("a.x", "one");
    publish("b", "two");
    await client.until(() => client.data.length >= 2);
    expect(client.data).toEqual(["one", "two"]);
    expect(await subscribed(client, "a.*")).toEqual({ "a.*": "channel_forbidden" });
  });

  test("keeps its token where a new one is refused: forged, expired, another's; each has one answer", async () => {
    const { url, clock, counters } = start();
    const client = await connect(url, await tokenFor());
    const asked: Array<[string, unknown]> = [
      ["token_invalid", "nonsense"],
      ["token_expired", await tokenFor({ expires: NOW_MS / 1000 - 60 })],
      ["token_invalid", await tokenFor({ claims: { sub: "ben" } })],
      ["bad_request", 7],
    ];
    for (const [index, [code, token]] of asked.entries()) {
      expect(await client.ask({ type: "auth", id: 20 + index, token })).toMatchObject({
        type: "error",
        code,
      });
    }
    expect(counters.refusals).toBe(4);
    expect(await subscribed(client, "a.b")).toEqual({ "a.b": "ok" });
    clock.moveTo(NOW_MS + 3_605_000);
    expect(await client.closed()).toBe(4401);
  });

  test("may ask for one check at a time", async () => {
    const { url } = start();
    const client = await connect(url, await tokenFor());
    const token = await tokenFor();
    for (const id of [1, 2]) client.send({ type: "auth", id, token });
    const answers = () => client.received.filter((each) => "id" in each);
    await client.until(() => answers().length === 2);
    expect(answers()).toMatchObject([
      { id: 2, code: "too_many_requests" },
      { id: 1, type: "authenticated" },
    ]);
  });

  test("does not join what its token stopped allowing during a resume, and is told", async () => {
    const { url, publish, logHeld, reads } = start({}, { history: { messagesMax: 5 } });
    for (let i = 0; i < 20; i++) publish("a.x", i);
    const held = Promise.withResolvers<void>();
    logHeld.until = held.promise;
    const client = await connect(url, await tokenFor());
    client.send({ type: "subscribe", id: 1, channels: ["a.x"], since: [`${STREAM}:2`] });
    while (reads.length === 0) await Bun.sleep(1);
    const token = await tokenFor({ claims: { channels: ["b"] } });
    // Checked at once, although a resume is under way.
    expect(await client.ask({ type: "auth", id: 2, token })).toMatchObject({ type: "authenticated" });
    held.resolve();
    await client.until(() => client.received.some(({ type }) => type === "subscribed"));
    const answer = client.received.find(({ type }) => type === "subscribed");
    expect(answer).toMatchObject({ channels: [{ channel: "a.x", error: { code: "channel_forbidden" } }] });
    const before = client.data.length;
    publish("a.x", "later");
    await client.ask({ type: "ping", id: 3 });
    expect(client.data).toHaveLength(before);
  });

  test("has not recovered what it had by a pattern that its token stopped allowing during a resume", async () => {
    const { url, publish, logHeld, reads } = start({}, { history: { messagesMax: 5 } });
    for (let i = 0; i < 20; i++) publish("a.b", i);
    const held = Promise.withResolvers<void>();
    const client = await connect(url, await tokenFor({ claims: { channels: ["a.x.*", "a.b"] } }));
    await client.ask({ type: "subscribe", id: 1, channels: ["a.x.*"] });
    logHeld.until = held.promise;
    const since = [`${STREAM}:2`];
    client.send({ type: "subscribe", id: 2, channels: ["a.x.y", "a.b"], since });
    while (reads.length === 0) await Bun.sleep(1);
    const token = await tokenFor({ claims: { channels: ["a.x.y", "a.b"] } });
    expect(await client.ask({ type: "auth", id: 3, token })).toMatchObject({ revoked: ["a.x.*"] });
    publish("a.x.y", "between");
    held.resolve();
    const answer = () => client.received.find((each) => each.type === "subscribed" && each.id === 2);
    await client.until(() => answer() !== undefined);
    expect(answer()).toMatchObject({ channels: [{ recovered: false }, { recovered: true }] });
  });
});
