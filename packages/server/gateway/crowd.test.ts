import { expect, test } from "bun:test";
import { Crowd } from "./crowd.ts";

test("a crowd is spread over the time that it takes to let it in, and forgotten after a while", () => {
  const clock = { ms: 0 };
  const crowd = new Crowd(100, () => clock.ms);
  const refuse = (count: number) => {
    for (let each = 0; each < count; each++) crowd.refused();
    return crowd.withinS;
  };
  expect(refuse(0)).toBe(10);
  expect(refuse(500)).toBe(10);
  expect(refuse(2500)).toBe(30);
  expect(refuse(100_000)).toBe(120);
  clock.ms = 10_000;
  expect(crowd.withinS).toBe(120);
  clock.ms = 20_000;
  expect(refuse(10)).toBe(10);
  clock.ms = 100_000;
  expect(crowd.withinS).toBe(10);
});
