import { expect, test } from "bun:test";
import type { RangeRequest, RangeResult } from "../log/log.ts";
import { SharedReads } from "./sharedReads.ts";

const REQUEST: RangeRequest = { streamId: "s", after: 1, through: 9, bytesMax: 100 };
const RESULT: RangeResult = { kind: "read", publications: [], through: 9 };

function fixture() {
  const asked: RangeRequest[] = [];
  const answers: ((result: RangeResult | Error) => void)[] = [];
  const reads = new SharedReads({
    read: (request) => {
      asked.push(request);
      return new Promise((resolve, reject) => {
        answers.push((result) => (result instanceof Error ? reject(result) : resolve(result)));
      });
    },
  });
  return { reads, asked, answers };
}

test("equal ranges in the same moment are read once", async () => {
  const { reads, asked, answers } = fixture();
  const both = [reads.read(REQUEST), reads.read({ ...REQUEST })];
  expect(asked).toHaveLength(1);
  answers[0]?.(RESULT);
  expect(await Promise.all(both)).toEqual([RESULT, RESULT]);
  expect(reads.shared).toBe(1);
  expect(reads.inFlight).toBe(0);
});

test("other ranges, and equal ones later, are read anew", async () => {
  const { reads, asked, answers } = fixture();
  const first = reads.read(REQUEST);
  const other = reads.read({ ...REQUEST, after: 2 });
  for (const answer of answers) answer(RESULT);
  await Promise.all([first, other]);
  void reads.read(REQUEST);
  expect(asked).toHaveLength(3);
});

test("a failure reaches everybody and is not kept", async () => {
  const { reads, asked, answers } = fixture();
  const both = [reads.read(REQUEST), reads.read({ ...REQUEST, signal: new AbortController().signal })];
  answers[0]?.(new Error("no"));
  const settled = await Promise.allSettled(both);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  void reads.read(REQUEST);
  expect(asked).toHaveLength(2);
});

test("who gives up leaves the read to the others, and the last one ends it", async () => {
  const { reads, asked } = fixture();
  const one = new AbortController();
  const two = new AbortController();
  const results = [
    reads.read({ ...REQUEST, signal: one.signal }),
    reads.read({ ...REQUEST, signal: two.signal }),
  ];
  const settled = Promise.allSettled(results);
  one.abort(new Error("gone"));
  expect(asked[0]?.signal?.aborted).toBe(false);
  two.abort(new Error("gone"));
  expect(asked[0]?.signal?.aborted).toBe(true);
  expect(reads.inFlight).toBe(0);
  expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
