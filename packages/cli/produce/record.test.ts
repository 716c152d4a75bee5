import { expect, test } from "bun:test";
import fc from "fast-check";
import { fieldOf } from "./field.ts";
import { rowOf } from "./produce.fixture.ts";
import { recordOf } from "./record.ts";
import { timestampMsOf } from "./timestamp.ts";

const NONE = { keyField: undefined, timestampField: undefined };

test("a record has the row's text as its value, and no key where none was asked for", () => {
  expect(recordOf({ where: "line 1", json: '{"a": 1.0}', value: { a: 1 } }, NONE)).toEqual({
    key: null,
    value: '{"a": 1.0}',
  });
});

test("key and time come from their fields, also from fields within fields", () => {
  const row = rowOf({ properties: { net: "us", time: 1517966851000 } });
  const record = recordOf(row, { keyField: "properties.net", timestampField: "properties.time" });
  expect(record).toMatchObject({ key: "us", timestampMs: 1517966851000 });
});

test("a field whose name has a dot goes before a path", () => {
  expect(fieldOf({ "a.b": 1, a: { b: 2 } }, "a.b")).toBe(1);
});

test("what every object inherits is no field", () => {
  for (const name of ["constructor", "__proto__", "toString.name"])
    expect(fieldOf({ a: 1 }, name)).toBeUndefined();
});

test.each([
  [{ a: 1 }, "b", "line 1: there is no field b (there are a); a key is a text or a number"],
  [{ b: null }, "b", "line 1: b is null, which is no key; a key is a text or a number"],
  [{ b: "" }, "b", 'line 1: b is "", which is no key; a key is a text or a number'],
  [[1], "b", "line 1: there is no field b; a key is a text or a number"],
])("the key of %j is refused with its line", (value, keyField, message) => {
  expect(() => recordOf(rowOf(value), { ...NONE, keyField })).toThrow(message);
});

test("a missing or unreadable time is refused with its line", () => {
  const read = (value: unknown) => () => recordOf(rowOf(value), { ...NONE, timestampField: "t" });
  expect(read({ t: "soon" })).toThrow('line 1: t is "soon", which is no time; a time is milliseconds');
  expect(read({ a: 1 })).toThrow("line 1: there is no field t (there are a)");
});

test.each([
  [1517966851000, "2018-02-07T01:27:31.000Z"],
  ["1517966851000", "2018-02-07T01:27:31.000Z"],
  ["2001/01/01 06:55", "2001-01-01T06:55:00.000Z"],
  ["2001-01-01", "2001-01-01T00:00:00.000Z"],
  ["2001-01-01T06:55:01.25Z", "2001-01-01T06:55:01.250Z"],
  ["2001-01-01T06:55+02:00", "2001-01-01T04:55:00.000Z"],
  ["2001-01-01 06:55:00 -0130", "2001-01-01T08:25:00.000Z"],
  ["Jan 1 2000", "2000-01-01T00:00:00.000Z"],
])("%j is the time %s on every machine", (written, time) => {
  expect(new Date(timestampMsOf(written) ?? Number.NaN).toISOString()).toBe(time);
});

test.each([[null], [""], ["soon"], [-1], [Number.NaN], ["2001-13-01"], ["2001-01-01T25:00"], [{}], [1e300]])(
  "%p is no time",
  (written) => {
    expect(timestampMsOf(written)).toBeUndefined();
  },
);

test("what a date prints as ISO is read as the same time", () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }), (date) => {
      expect(timestampMsOf(date.toISOString())).toBe(date.getTime());
    }),
  );
});
