import { expect, test } from "bun:test";

test("each part is the one that the library's index exports", async () => {
  const index = new Map<string, unknown>(Object.entries(await import("@platformatic/kafka")));
  const parts = Object.entries(await import("./library.ts"));
  expect(parts.length).toBeGreaterThan(20);
  for (const [name, part] of parts) {
    expect(part).toBeDefined();
    expect([name, index.get(name) === part]).toEqual([name, true]);
  }
});
