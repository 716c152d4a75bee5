// A resume that takes several requests, because there are more channels than one may name.
import { afterEach, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { BATCH_CHANNELS_MAX } from "./batches.ts";
import { Fixture } from "./clients.fixture.ts";
import type { GapEvent } from "./events.ts";
import { Inbox } from "./inbox.fixture.ts";
import type { Peer } from "./server.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

/** A channel that is asked for in another request than the pattern over it, because so many others come first. */
async function apart() {
  const server = fixture.server();
  const gaps = new Inbox<GapEvent>();
  const client = fixture.client(server.url, { onGap: gaps.push });
  const heard = new Inbox<DataMessage>();
  const { ready } = client.subscribe("a.*", () => {});
  for (let i = 0; i < BATCH_CHANNELS_MAX - 1; i++) client.subscribe(`b${i}`, () => {});
  const far = client.subscribe("a.x", heard.push);
  const first = await server.connections.next();
  for (const mark of ["m1", "m2"]) await first.acceptNext(mark);
  await Promise.all([ready, far.ready]);
  first.cut();
  const resuming = await server.connections.next();
  return { server, client, gaps, heard, resuming, far };
}

/** Both requests of a resume. */
async function requests(peer: Peer) {
  const [one, two] = await peer.subscribes.take(2);
  if (one === undefined || two === undefined) throw new Error("there were two");
  expect([one.channels[0], two.channels]).toEqual(["a.*", ["a.x"]]);
  return { one, two };
}

/** Awaits that all is handled that was sent before. */
async function handled(peer: Peer, heard: Inbox<DataMessage>): Promise<void> {
  peer.message("a.x", "sssssss:99");
  expect((await heard.next()).cursor).toBe("sssssss:99");
}

test("what a pattern has brought is not missing, whatever the server says of a channel that was asked for behind it", async () => {
  const { gaps, heard, resuming, client } = await apart();
  const { one, two } = await requests(resuming);
  resuming.message("a.x", "sssssss:1");
  resuming.accept(one, "m3");
  // The connection has what the pattern brings, so nothing is sent again, and nothing can be said of what came before.
  resuming.accept(two, "m4", false);
  expect((await heard.next()).cursor).toBe("sssssss:1");
  await handled(resuming, heard);
  expect([gaps.left, client.stats.gaps]).toEqual([0, 0]);
});

test("of what a pattern had brought until a new token took it away, the server's word counts again", async () => {
  const { gaps, resuming } = await apart();
  const { one, two } = await requests(resuming);
  resuming.accept(one, "m3");
  resuming.send({ type: "authenticated", id: 99, expiresAtMs: 0, revoked: ["a.*"] });
  resuming.accept(two, "m4", false);
  expect(await gaps.next()).toEqual({ channel: "a.x", reason: "not_recovered" });
});

test("what a pattern could not bring is missing of both", async () => {
  const { gaps, resuming } = await apart();
  const { one, two } = await requests(resuming);
  resuming.accept(one, "m3", false);
  for (const _ of one.channels) await gaps.next();
  resuming.accept(two, "m4", false);
  expect(await gaps.next()).toEqual({ channel: "a.x", reason: "not_recovered" });
});

test("a channel that a pattern has brought to where it is goes on from there after another break", async () => {
  const { server, gaps, heard, resuming } = await apart();
  const { one } = await requests(resuming);
  resuming.message("a.x", "sssssss:1");
  resuming.accept(one, "m3");
  resuming.message("a.x", "sssssss:2");
  for (const n of [1, 2]) expect((await heard.next()).cursor).toBe(`sssssss:${n}`);
  resuming.cut();
  const again = await server.connections.next();
  const both = await requests(again);
  expect([both.one.since, both.two.since]).toEqual([["m3"], ["m3"]]);
  for (const n of [2, 3]) again.message("a.x", `sssssss:${n}`);
  expect((await heard.next()).cursor).toBe("sssssss:3");
  expect(gaps.left).toBe(0);
});

test("what a pattern had brought when its resume broke off is not handed out again", async () => {
  const { server, heard, resuming } = await apart();
  await requests(resuming);
  for (const n of [1, 2]) resuming.message("a.x", `sssssss:${n}`);
  for (const n of [1, 2]) expect((await heard.next()).cursor).toBe(`sssssss:${n}`);
  resuming.cut();
  const again = await server.connections.next();
  expect((await requests(again)).one.since).toEqual(["m2"]);
  for (const n of [1, 2, 3]) again.message("a.x", `sssssss:${n}`);
  expect((await heard.next()).cursor).toBe("sssssss:3");
});

/** The same position is named by who comes later: a part of what the pattern brings was brought before. */
async function late() {
  const server = fixture.server();
  const gaps = new Inbox<GapEvent>();
  const client = fixture.client(server.url, { onGap: gaps.push });
  const early = new Inbox<DataMessage>();
  const heard = new Inbox<DataMessage>();
  client.subscribe("a.*", early.push, { since: "m0" });
  const peer = await server.connections.next();
  const pattern = await peer.subscribes.next();
  peer.message("a.x", "sssssss:1");
  await early.next();
  client.subscribe("a.x", heard.push, { since: "m0" });
  const channel = await peer.subscribes.next();
  peer.message("a.x", "sssssss:2");
  expect((await heard.next()).cursor).toBe("sssssss:2");
  return { server, gaps, heard, peer, pattern, channel };
}

test("who comes while a pattern resumes is told what it misses", async () => {
  const { gaps, peer, pattern, channel } = await late();
  peer.accept(pattern, "m3");
  peer.accept(channel, "m4", false);
  expect(await gaps.next()).toEqual({ channel: "a.x", reason: "not_recovered" });
});

test("who comes while a pattern resumes gets all of it when both begin again", async () => {
  const { server, heard, peer } = await late();
  peer.cut();
  const again = await server.connections.next();
  expect((await again.subscribes.next()).channels).toEqual(["a.*", "a.x"]);
  for (const n of [1, 2, 3]) again.message("a.x", `sssssss:${n}`);
  for (const n of [1, 2, 3]) expect((await heard.next()).cursor).toBe(`sssssss:${n}`);
});

test.each([false, true])(
  "a channel whose request was refused, and made again before the pattern was answered: %p, may have missed something",
  async (isMadeBefore) => {
    const { gaps, resuming } = await apart();
    const { one, two } = await requests(resuming);
    resuming.send({ type: "error", id: two.id, code: "too_many_requests", message: "waits behind a resume" });
    if (!isMadeBefore) resuming.accept(one, "m3");
    const again = await resuming.subscribes.next();
    expect([again.channels, again.since]).toEqual([["a.x"], ["m2"]]);
    if (isMadeBefore) resuming.accept(one, "m3");
    resuming.accept(again, "m4", false);
    expect(await gaps.next()).toEqual({ channel: "a.x", reason: "not_recovered" });
  },
);

test("a channel that is given up while the answer to its request is handled is left at the server too", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  client.subscribe("a", () => {}, { since: "m0", onGap: () => b.unsubscribe() });
  const b = client.subscribe("b", () => {}, { since: "m0" });
  b.ready.catch(() => {});
  const peer = await server.connections.next();
  const request = await peer.subscribes.next();
  peer.accept(request, "m1", false);
  expect((await peer.unsubscribes.next()).channels).toEqual(["b"]);
});
