import { expect, test } from "bun:test";
import { channelsOf, joinChannels, type ToldChannels } from "./channels.ts";

test("subscribers are summed over shards; messages are those of the longest history, and channels come by name", () => {
  const joined = joinChannels([
    [
      { channel: "b", subscribers: 2, messages: 3, total: 40 },
      { channel: "a", subscribers: 0, messages: 1, total: 1 },
    ],
    [],
    [{ channel: "b", subscribers: 5, messages: 30, total: 39 }],
  ]);
  expect(joined).toEqual([
    { channel: "a", subscribers: 0, messages: 1, total: 1 },
    { channel: "b", subscribers: 7, messages: 30, total: 40 },
  ]);
});

test("a shard tells of history and of subscriptions, each channel once", () => {
  const told = channelsOf(
    hub({
      history: [
        { name: "read", count: 2, end: 9 },
        { name: "both", count: 1, end: 1 },
      ],
      topics: [
        { name: "both", subscribers: 3 },
        { name: "quiet", subscribers: 1 },
        // By another rate of newest values.
        { name: "both", subscribers: 4 },
      ],
    }),
  );
  expect(told).toEqual([
    { channel: "read", subscribers: 0, messages: 2, total: 9 },
    { channel: "both", subscribers: 7, messages: 1, total: 1 },
    { channel: "quiet", subscribers: 1, messages: 0, total: 0 },
  ]);
});

test("of more than 10,000 channels those with a history go first, and their subscribers are told all the same", () => {
  const history = Array.from({ length: 9_999 }, (_, index) => ({ name: `h${index}`, count: 1, end: 1 }));
  const topics = ["t0", "t1", "h5"].map((name) => ({ name, subscribers: 1 }));
  const told = channelsOf(hub({ history, topics }));
  expect(told).toHaveLength(10_000);
  expect(told.at(-1)?.channel).toBe("t0");
  expect(told[5]).toEqual({ channel: "h5", subscribers: 1, messages: 1, total: 1 });
});

function hub({
  history,
  topics,
}: {
  history: ReadonlyArray<{ name: string; count: number; end: number }>;
  topics: ReadonlyArray<{ name: string; subscribers: number }>;
}): ToldChannels {
  return { history: { channels: () => history }, allTopics: () => topics };
}
