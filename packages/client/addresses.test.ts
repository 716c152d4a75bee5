import { expect, test } from "bun:test";
import { Addresses } from "./addresses.ts";

type Ending = "failed" | "doubtful" | "good";

/** What is tried after each of these endings, and where it is tried at once; each is `stepMs` after the one before. */
function walk(urls: string, endings: readonly Ending[], stepMs = 1, returnAfterMs = 1000): string[] {
  const addresses = new Addresses([...urls], returnAfterMs);
  return endings.map((ending, index) => {
    const isAtOnce = addresses.next(ending !== "failed", false, ending === "good", 10_000 + index * stepMs);
    return isAtOnce ? `${addresses.url} at once` : `${addresses.url}`;
  });
}

test("a round tries each address once, one at once after the other", () => {
  const endings = Array.from({ length: 6 }, () => "failed" as const);
  expect(walk("abc", endings)).toEqual(["b at once", "c at once", "a", "b at once", "c at once", "a"]);
});

test("it stays with one that works, and asks it first when the connection is lost", () => {
  expect(walk("abc", ["failed", "good", "good"])).toEqual(["b at once", "b", "b"]);
});

test("after a loss every address is tried at once, those before it too", () => {
  expect(walk("abc", ["failed", "good", "failed", "failed", "failed"])).toEqual([
    "b at once",
    "b",
    "c at once",
    "a at once",
    "b",
  ]);
});

test("it leaves one that is silent or breaks soon, but not at once", () => {
  expect(walk("ab", ["doubtful", "doubtful", "failed"])).toEqual(["b", "a", "b at once"]);
});

test("it comes back to the first after a while, and only where a new round begins", () => {
  const returning: Ending[] = ["failed", "good", "failed", "good"];
  // Left at 0, asked again at 600 (not yet), 1200 (a round is under way) and 1800.
  expect(walk("abc", returning, 600)).toEqual(["b at once", "b", "c at once", "a"]);
});

test("with one address every failure is a round", () => {
  expect(walk("a", ["failed", "good", "doubtful", "failed"])).toEqual(["a", "a", "a", "a"]);
});
