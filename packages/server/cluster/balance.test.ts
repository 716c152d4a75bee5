import { expect, test } from "bun:test";
import { balanceOf } from "./balance.ts";
import type { SeenInstance } from "./clusterView.ts";
import { seenInstance } from "./seen.fixture.ts";

/** Instances with these numbers of clients; the first one looks. */
function see(connections: readonly number[], others: Partial<SeenInstance>[] = []): SeenInstance[] {
  return connections.map((held, index) => {
    const id = String.fromCharCode(97 + index);
    return seenInstance({ id, isSelf: index === 0, connections: held, ...others[index] });
  });
}

test("it tells the mean, how far from it the furthest is, and what this one has above it", () => {
  expect(balanceOf(see([150, 150, 0]))).toMatchObject({
    ...{ connections: 150, mean: 100, distance: 100, spread: 1, excess: 50, excessOfAll: 100 },
    hindrance: undefined,
  });
  expect(balanceOf(see([0, 150, 150]))).toMatchObject({ excess: 0, excessOfAll: 100 });
  expect(balanceOf(see([34, 33, 33]))).toMatchObject({ excess: 0, excessOfAll: 0 });
});

test("it looks at its region's instances that serve clients, and at nobody else", () => {
  const others = [{}, {}, { region: "there" }, { role: "ingest", connectionsMax: 0 }] as const;
  expect(balanceOf(see([30, 10, 500, 0], [...others]))).toMatchObject({
    mean: 20,
    excess: 10,
    excessOfAll: 10,
  });
});

test("alone, or without clients of its own, it compares nothing", () => {
  expect(balanceOf([])).toMatchObject({ hindrance: "alone", excess: 0, spread: 0 });
  expect(balanceOf(see([50]))).toMatchObject({ hindrance: "alone", excess: 0 });
  expect(balanceOf(see([0, 50, 10], [{ connectionsMax: 0 }]))).toMatchObject({
    hindrance: "alone",
    excess: 0,
  });
});

test("an instance that is not well holds it, and one that is only full does not", () => {
  const hindrance = (other: Partial<SeenInstance>) => balanceOf(see([90, 10], [{}, other])).hindrance;
  expect(hindrance({ status: "degraded", ailing: ["bus"] })).toBe("unhealthy");
  expect(hindrance({ status: "unhealthy", ailing: ["connections", "draining"] })).toBe("unhealthy");
  expect(hindrance({ status: "unhealthy", ailing: [] })).toBe("unhealthy");
  expect(hindrance({ status: "unhealthy" })).toBe("unhealthy");
  expect(hindrance({ status: "unhealthy", ailing: ["connections"] })).toBeUndefined();
  expect(hindrance({ ageMs: 6001 })).toBe("silent");
});
