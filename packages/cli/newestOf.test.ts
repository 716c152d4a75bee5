import { expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { rejectionOf } from "../../test/services/rejectionOf.ts";
import { newestOf } from "./newestOf.ts";

function message(channel: string, data: number): DataMessage {
  return { type: "message", channel, cursor: `sssssss:${data}`, ts: 1, data };
}

/** Gives all at once, and then ends, or fails. */
async function* burst(messages: readonly DataMessage[], failure?: Error): AsyncGenerator<DataMessage> {
  yield* messages;
  if (failure !== undefined) throw failure;
}

/** Comes for each a turn of the event loop after the one before. */
async function takenSlowly(source: AsyncIterable<DataMessage>): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const { data } of source) {
    taken.push(data);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return taken;
}

const MESSAGES = [1, 2, 3, 4, 5, 6].map((data) => message(data % 2 === 0 ? "even" : "odd", data));

test("who does not keep up gets what is newest of each channel, and the last of all", async () => {
  expect(await takenSlowly(newestOf(burst(MESSAGES), 10))).toEqual([1, 5, 6]);
});

test("while as many channels wait as may, others are left to the source", async () => {
  const many = [1, 2, 3, 4].map((data) => message(`c${data}`, data));
  expect(await takenSlowly(newestOf(burst(many), 1))).toEqual([1, 2, 3, 4]);
});

test("a failure of the source comes behind what it had given", async () => {
  const source = newestOf(burst(MESSAGES.slice(0, 1), new Error("overflow")), 10);
  expect((await source.next()).value).toMatchObject({ data: 1 });
  expect(await rejectionOf(source.next())).toMatchObject({ message: expect.stringContaining("overflow") });
});
