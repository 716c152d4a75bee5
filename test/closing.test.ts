import { afterAll, expect, test } from "bun:test";
import { closedAfterEach } from "./closing.fixture.ts";

const closed: string[] = [];
const closedLater = closedAfterEach();
const opened = (name: string) => closedLater({ close: async () => void closed.push(name) });

test("what a test opens stays open in it", () => {
  for (const name of ["a", "b"]) opened(name);
  expect(closed).toEqual([]);
});

test("it is closed before the next one, the last first", () => {
  expect(closed).toEqual(["b", "a"]);
  opened("c");
});

afterAll(() => expect(closed).toEqual(["b", "a", "c"]));
