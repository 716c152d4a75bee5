import { expect, test } from "bun:test";
import { UnreadableStretch } from "./unreadableStretch.ts";

test("the end of a damaged stretch of any length is found exactly, in few reads", () => {
  for (let length = 1; length <= 300; length++) {
    const stretch = new UnreadableStretch(41);
    let reads = 0;
    while (stretch.through === undefined) {
      const { probe } = stretch;
      reads++;
      if (probe < 41 + length) stretch.failed(probe);
      else stretch.readable(probe);
    }
    expect(stretch.through).toBe(41 + length);
    expect(reads).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(length + 1)) + 2);
  }
});
