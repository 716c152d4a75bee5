import { expect, test } from "bun:test";
import { Progress } from "./progress.ts";

function stage(isTerminal: boolean) {
  let written = "";
  let nowMs = 0;
  const output = {
    isTerminal,
    write: async (text: string) => {
      written += text;
    },
  };
  const progress = new Progress(output, () => nowMs);
  const run = (): string => {
    progress.add(100);
    nowMs = 1000;
    progress.tell();
    progress.add(50);
    nowMs = 2000;
    progress.tell();
    progress.end();
    return written;
  };
  return run();
}

test("a terminal has one line that changes, and goes at the end", () => {
  expect(stage(true)).toBe(
    "\r\x1b[2K100 records written so far, 100 a second" +
      "\r\x1b[2K150 records written so far, 50 a second" +
      "\r\x1b[2K",
  );
});

test("a pipe has a line each time, and nothing that steers a terminal", () => {
  expect(stage(false)).toBe(
    "100 records written so far, 100 a second\n150 records written so far, 50 a second\n",
  );
});
