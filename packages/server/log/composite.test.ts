import { expect, test } from "bun:test";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { buildEnvelope } from "../source/envelope.ts";
import { CompositeLog } from "./composite.ts";
import { EmbeddedLog } from "./local.ts";
import { LogError, type LogStream, type StreamLog } from "./log.ts";
import { StreamCollisionError } from "./streamId.ts";

function logWith(word: string): EmbeddedLog {
  const log = new EmbeddedLog({ bytesMax: 100_000, envelope: buildEnvelope });
  log.append(word, Buffer.from("1"), 0);
  return log;
}

const unavailable: StreamLog = {
  streams: () => Promise.reject(new LogError("log_unavailable", "down")),
  read: () => Promise.reject(new LogError("log_unavailable", "down")),
  close: () => Promise.resolve(),
};

function range(streamId: string): Parameters<StreamLog["read"]>[0] {
  return { streamId, after: -1, through: 0, bytesMax: 1 };
}

test("a read goes to the log that has the stream, known or not", async () => {
  const [one, two] = [logWith("one"), logWith("two")];
  const both = new CompositeLog([one, two]);
  expect(await both.read(range(two.streamId))).toMatchObject({ publications: [{ channel: "two" }] });
  expect((await both.streams()).map((stream) => stream.id)).toEqual([one.streamId, two.streamId]);
  expect(await both.read(range(one.streamId))).toMatchObject({ publications: [{ channel: "one" }] });
  expect(await both.read(range("nowhere"))).toEqual({ kind: "gone" });
});

test("a log that does not answer hides only its own streams", async () => {
  const one = logWith("one");
  const both = new CompositeLog([unavailable, one]);
  expect(await both.read(range(one.streamId))).toMatchObject({ kind: "read" });
  expect(await rejectionOf(both.read(range("nowhere")))).toMatchObject({ code: "log_unavailable" });
  expect(await rejectionOf(both.streams())).toMatchObject({ code: "log_unavailable" });
});

test("two streams with the same id are refused", async () => {
  const one = logWith("one");
  expect(await rejectionOf(new CompositeLog([one, one]).streams())).toBeInstanceOf(StreamCollisionError);
});

test("what is told over the bus of a stream that another log has is left out, and ends nobody", async () => {
  const one = logWith("one");
  const [mine] = await one.streams();
  const read = () => Promise.reject(new Error("whose stream it is was not kept"));
  const forged = { id: one.streamId, name: "forged", earliest: 500, next: 1000 };
  const told: StreamLog = {
    isHearsay: true,
    streams: () => Promise.resolve([forged, { ...forged, id: "aaaaaaa" }]),
    read,
    close: () => Promise.resolve(),
  };
  for (const logs of [
    [told, one],
    [one, told],
  ]) {
    const both = new CompositeLog(logs);
    expect((await both.list(1000)).streams).toEqual([mine, { ...forged, id: "aaaaaaa" }] as LogStream[]);
    expect(both.leftOut).toBe(1);
    expect([both.isOfPeer("aaaaaaa"), both.isOfPeer(one.streamId)]).toEqual([true, false]);
    expect(await both.read(range(one.streamId))).toMatchObject({ publications: [{ channel: "one" }] });
  }
});

test("a list tells the streams of those that answer, and that some do not", async () => {
  const one = logWith("one");
  const both = new CompositeLog([unavailable, one]);
  expect(await both.list(1000)).toMatchObject({
    streams: [{ id: one.streamId }],
    failure: { code: "log_unavailable" },
  });
  expect(await new CompositeLog([one]).list(1000)).toMatchObject({ failure: undefined });
  expect(await rejectionOf(new CompositeLog([one, one]).list(1000))).toBeInstanceOf(StreamCollisionError);
});

test("a stream that its log does not tell of for a moment is gone when that log says so, and not before", async () => {
  // As Kafka while a broker starts.
  const away = new LogError("log_unavailable", "no broker knows the stream at the moment");
  let listed: LogStream[] = [{ id: "aaaaaaa", name: "t/0", earliest: 0, next: 10 }];
  const kafka: StreamLog = {
    streams: async () => listed,
    read: () => Promise.reject(away),
    close: () => Promise.resolve(),
  };
  const both = new CompositeLog([logWith("one"), kafka]);
  await both.streams();
  listed = [];
  await both.streams();
  expect(await rejectionOf(both.read(range("aaaaaaa")))).toBe(away);
  // Also one that was never told of here: a shard may have begun with what another remembered.
  expect(await rejectionOf(both.read(range("bbbbbbb")))).toBe(away);
});
