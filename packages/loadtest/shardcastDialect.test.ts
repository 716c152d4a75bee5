import { expect, test } from "bun:test";
import { Ledger } from "./ledger.ts";
import { ShardcastDialect } from "./shardcastDialect.ts";

const NOW_MS = 1_700_000_000_000;
const MESSAGE = `{"type":"message","channel":"a.load","cursor":"k3f9abc:5","ts":${NOW_MS},"data":{"lt":1,"n":0,"t":${NOW_MS}000,"p":"x"}}`;

function dialectOf(run: number | undefined) {
  return new ShardcastDialect({
    ...{
      channels: ["a.load", "b.load"],
      channelsOf: [[0, 1]],
      ledger: new Ledger([[0, 1]]),
      run,
      slowCount: 0,
    },
    receivedMs: () => NOW_MS,
    onSubscribed: () => undefined,
    onReconnect: () => undefined,
  });
}

/** The frame lies at the end of its buffer: there is nothing behind it that could end a walk. */
function give(dialect: ShardcastDialect, text: string): void {
  const bytes = new TextEncoder().encode(text);
  dialect.frame(0, bytes, 0, bytes.length);
}

test("a message cut off at any byte of its head is unreadable, and no generator walks on for ever", () => {
  const dialect = dialectOf(1);
  const head = MESSAGE.indexOf('{"lt"');
  for (let length = 0; length < head; length++) give(dialect, MESSAGE.slice(0, length));
  expect(dialect.unreadable).toBe(head);
  expect(dialect.deliveries).toBe(0);
  give(dialect, MESSAGE);
  expect(dialect.deliveries).toBe(1);
});

test("what is no JSON, or no object, is unreadable", () => {
  const dialect = dialectOf(1);
  for (const text of ["", "{", "null", "17", "hello"]) give(dialect, text);
  expect(dialect.unreadable).toBe(5);
});

test("a message that is received before its own time is told, for a latency of zero would be no finding", () => {
  const dialect = dialectOf(undefined);
  give(dialect, MESSAGE);
  expect(dialect.early).toBe(0);
  give(dialect, MESSAGE.replace(`"ts":${NOW_MS}`, `"ts":${NOW_MS + 50}`));
  expect(dialect.early).toBe(1);
});
