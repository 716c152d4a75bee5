// The minifier of the SDK's bundle: its names are searched for, and must never make another program of it.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chooseLetters, type Name } from "../scripts/chooseLetters.ts";
import { minifyForGzip } from "../scripts/minifyForGzip.ts";

const CODE = `
export function report(list) {
  let total = 0;
  const shape = { factor: 1, addend: 2 };
  const seen = list.map((entry) => {
    try {
      if (entry < 0) throw new RangeError("below");
      total += entry * shape.factor;
      return (more) => more + total + entry;
    } catch (problem) {
      return () => problem.message + total + shape.addend;
    }
  });
  return seen.map((each, at) => ((total) => total + each(at))("" + at + ":"));
}
`;

test("it does what it did, with shorter names of its own and those of others as they are", async () => {
  const minified = minifyForGzip(CODE, ["map", "message", "report"]);
  const file = join(mkdtempSync(join(tmpdir(), "shardcast-minified-")), "report.js");
  await Bun.write(file, minified);
  const { report } = await import(file);
  rmSync(dirname(file), { recursive: true });
  expect(report([3, -1, 4])).toEqual(["0:10", "1:below72", "2:13"]);
  expect(minified).not.toMatch(/factor|addend|entry|total|problem/);
  expect(minified.match(/\$\d/)).toBeNull();
});

test("code whose names could meet those that it gets is refused", () => {
  // As those of the platform are, of a point for one.
  const reserved = "export const move = (point) => ({ x: point.x, moved: point.x + 1, by: 1 })";
  expect(() => minifyForGzip(reserved, ["x"])).toThrow("a property that is named x");
  const quoted = 'export const move = (by) => ({ "x": 0, moved: by })';
  expect(() => minifyForGzip(quoted, [])).toThrow("a property that is named x");
  const computed = 'export const move = (point) => ({ moved: "x" in point })';
  expect(() => minifyForGzip(computed, [])).toThrow("a property that is named x");
  const reached = 'export const move = (point) => ({ moved: point["x"] })';
  expect(() => minifyForGzip(reached, [])).toThrow("a property that is named x");
  const text = 'export const move = (path) => path.replace(/(-)/, "$1_")';
  expect(() => minifyForGzip(text, ["replace"])).toThrow("$1_ would be taken for a placeholder");
});

test("the same code always becomes the same file", () => {
  expect(minifyForGzip(CODE, ["report"])).toBe(minifyForGzip(CODE, ["report"]));
});

test("rivals never get the same word, also where there are more of them than letters", () => {
  const names = Array.from({ length: 80 }, (_, at): Name => ({ word: `$${at}`, rivals: new Set() }));
  for (const one of names.slice(0, 60))
    for (const other of names.slice(0, 60)) if (one !== other) one.rivals.add(other);
  // The others stand in a row.
  for (let at = 60; at < 79; at++) {
    const [one, other] = names.slice(at) as [Name, Name];
    one.rivals.add(other);
    other.rivals.add(one);
  }
  let draws = 1;
  chooseLetters(names, () => {
    draws = (draws * 48271) % 2147483647;
    for (const { word, rivals } of names)
      for (const rival of rivals) if (rival.word === word) throw new Error(word);
    return draws;
  });
  expect(names.filter(({ word }) => word.length > 1).length).toBe(60 - 54);
});
