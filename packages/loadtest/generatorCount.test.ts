import { expect, test } from "bun:test";
import { generatorCount } from "./generatorCount.ts";
import { readScenario } from "./scenario.ts";

const count = (over: Record<string, unknown>, cores = 2, connectionsMax = 19_000) =>
  generatorCount(readScenario("", over), { cores, connectionsMax });

test("as many generators as connections and open files demand, whatever the cores", () => {
  expect(count({ connections: 100 })).toBe(1);
  expect(count({ connections: 100_000, messagesPerSecond: 1 })).toBe(7);
  expect(count({ connections: 100_000, messagesPerSecond: 1 }, 2, 1000)).toBe(100);
});

test("a load that one core could not take is shared among the cores there are", () => {
  expect(count({ connections: 12_000, messagesPerSecond: 10 })).toBe(2);
  expect(count({ connections: 3000, messagesPerSecond: 250 }, 4)).toBe(4);
  expect(count({ connections: 12_000, messagesPerSecond: 10, choose: "one" })).toBe(1);
});
