import { expect, test } from "bun:test";
import { formatMark, joinSince } from "@shardcast/protocol/mark";
import { BATCH_BYTES_MAX } from "./batches.ts";
import { CURSORS_MAX, createResumePosition } from "./resume.ts";

const idOf = (i: number): string => (i * 19_000_001).toString(36).padStart(7, "0");

test("the positions of thousands of streams fit in one request, and say all that was seen", async () => {
  const position = createResumePosition();
  position.adoptMark(formatMark(Array.from({ length: CURSORS_MAX }, (_, i) => [idOf(i), 250_000_000 + i])));
  for (let i = 0; i < CURSORS_MAX; i++) position.saw({ streamId: idOf(i), offset: 250_100_000 + i });
  // What shortens them is loaded meanwhile; the module is here already.
  await import("@shardcast/protocol/mark");
  const since = position.toSince();
  expect(JSON.stringify(since).length).toBeLessThan(BATCH_BYTES_MAX);
  expect(joinSince(since)).toMatchObject({
    positions: new Map(Array.from({ length: CURSORS_MAX }, (_, i) => [idOf(i), 250_100_001 + i])),
    fromMark: true,
  });
});
