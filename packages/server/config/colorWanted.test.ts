import { expect, test } from "bun:test";
import { isColorWanted } from "./colorWanted.ts";

test.each([
  ["a terminal gets colours", {}, true, true],
  ["a pipe gets none", {}, false, false],
  ["NO_COLOR takes them from a terminal", { NO_COLOR: "1" }, true, false],
  ["an empty NO_COLOR says nothing", { NO_COLOR: "" }, true, true],
  ["a dumb terminal gets none", { TERM: "dumb" }, true, false],
  ["FORCE_COLOR gives them to a pipe", { FORCE_COLOR: "1" }, false, true],
  ["FORCE_COLOR goes before NO_COLOR", { FORCE_COLOR: "3", NO_COLOR: "1" }, false, true],
  ["FORCE_COLOR=0 takes them from a terminal", { FORCE_COLOR: "0" }, true, false],
  ["FORCE_COLOR=false too", { FORCE_COLOR: "False" }, true, false],
  ["an empty FORCE_COLOR says nothing", { FORCE_COLOR: "" }, false, false],
])("%s", (_, env, isTerminal, wanted) => {
  expect(isColorWanted(env, isTerminal)).toBe(wanted);
});
