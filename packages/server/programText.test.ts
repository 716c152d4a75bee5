import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openRelease } from "./programText.ts";

function fileKilobytes(): number {
  const [, kilobytes] = /^RssFile:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return Number(kilobytes);
}

test.if(process.platform === "linux")(
  "the program's pages are let go of again and again, and the process goes on",
  () => {
    const release = openRelease();
    for (let round = 0; round < 3; round++) {
      // Touches a compiler, so that there is something to let go of.
      const sum = new Function(
        "n",
        "let sum = 0; for (let i = 0; i < n; i++) sum += Math.sqrt(i); return sum;",
      );
      for (let call = 0; call < 200; call++) expect(sum(1000)).toBeGreaterThan(0);
      const before = fileKilobytes();
      expect(release?.()).toBe(true);
      expect(fileKilobytes()).toBeLessThan(before);
    }
  },
);
