import { describe, expect, test } from "bun:test";
import { createReadStream } from "node:fs";
import fc from "fast-check";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { LINE_BYTES_MAX } from "./lines.ts";
import { chunksOf, dataSet } from "./produce.fixture.ts";
import { formatOf, type ReadOptions, readRows } from "./readRows.ts";

const OPTIONS: ReadOptions = { format: "ndjson", recordsField: undefined, numberFields: [] };

async function rows(content: string | Uint8Array, options: Partial<ReadOptions> = {}, chunkBytes = 7) {
  return await Array.fromAsync(readRows(chunksOf(content, chunkBytes), { ...OPTIONS, ...options }));
}

async function fault(content: string | Uint8Array, options: Partial<ReadOptions> = {}): Promise<string> {
  return await rows(content, options).then(
    () => "no fault",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

describe("NDJSON", () => {
  test("each line is a record, as it was written; blank lines and line ends do not matter", async () => {
    const found = await rows('\ufeff{"a": 1.0}\r\n\n  {"b":12345678901234567890}  \n"x"');
    expect(found.map(({ where, json }) => [where, json])).toEqual([
      ["line 1", '{"a": 1.0}'],
      ["line 3", '{"b":12345678901234567890}'],
      ["line 4", '"x"'],
    ]);
  });

  test("the same values come out however the bytes were cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 50 }),
        async (values, chunkBytes) => {
          const found = await rows(values.map((value) => JSON.stringify(value)).join("\n"), {}, chunkBytes);
          expect(found.map(({ json }) => json)).toEqual(values.map((value) => JSON.stringify(value)));
        },
      ),
    );
  });

  test("a bad line is named by its number, after the good ones before it", async () => {
    const read = readRows(chunksOf('1\n2\n{"a":\n'), OPTIONS)[Symbol.asyncIterator]();
    expect((await read.next()).value?.json).toBe("1");
    expect((await read.next()).value?.json).toBe("2");
    expect(await rejectionOf(read.next())).toMatchObject({
      message: expect.stringMatching(/^line 3: is not JSON/),
    });
  });

  test("bytes that are not UTF-8 are refused, not replaced", async () => {
    expect(await fault(Uint8Array.of(0x31, 0x0a, 0x22, 0xff, 0x22))).toBe("InputError: line 2: is not UTF-8");
  });

  test("a line without end does not fill the memory", async () => {
    async function* endless() {
      const chunk = new Uint8Array(2 ** 20).fill(0x31);
      for (;;) yield chunk;
    }
    expect(await rejectionOf(Array.fromAsync(readRows(endless(), OPTIONS)))).toMatchObject({
      message: expect.stringContaining(`line 1: is longer than ${LINE_BYTES_MAX}`),
    });
  });
});

describe("CSV", () => {
  const CSV: Partial<ReadOptions> = { format: "csv" };

  test("each record is an object of texts, with the header's names", async () => {
    const found = await rows('\ufeffzip,name\r\n00501,"a ""b"", c"\n\n10001,"two\nlines"\n', CSV);
    expect(found.map(({ value }) => value)).toEqual([
      { zip: "00501", name: 'a "b", c' },
      { zip: "10001", name: "two\nlines" },
    ]);
    expect(found.map(({ json }) => JSON.parse(json))).toEqual(found.map(({ value }) => value));
  });

  test("named columns are numbers, empty ones null", async () => {
    const found = await rows("s,p\na,1.50\nb,\n", { ...CSV, numberFields: ["p"] });
    expect(found.map(({ json }) => json)).toEqual(['{"s":"a","p":1.5}', '{"s":"b","p":null}']);
  });

  test.each([
    ["a,b\n1,2\n3\n", [], "the file: is not CSV with a header line (Invalid Record Length"],
    ["a,b\n1,2\n3\n", [], "on line 3"],
    ['a,b\n1,"2\n', [], "Quote Not Closed"],
    ["a,a\n1,2\n", [], 'line 1: two columns are called "a"'],
    ["a,b\n1,x\n", ["b"], 'line 2: b is "x", which is no number'],
    ["a,b\n1,2\n", ["c"], 'line 1: has no column "c"; there are a, b'],
  ])("%j with numbers %j is refused", async (content, numberFields, message) => {
    expect(await fault(content, { ...CSV, numberFields })).toContain(message);
  });

  test("a real file is read to its end", async () => {
    const chunks = createReadStream(dataSet("flights-airport.csv"));
    const found = await Array.fromAsync(
      readRows(chunks, { ...OPTIONS, format: "csv", numberFields: ["count"] }),
    );
    expect(found).toHaveLength(5366);
    expect(found[0]).toMatchObject({
      where: "line 2",
      value: { origin: "ABE", destination: "ATL", count: 853 },
    });
  });
});

describe("a JSON array", () => {
  const JSON_ARRAY: Partial<ReadOptions> = { format: "json" };

  test("each element is a record", async () => {
    const found = await rows('[{"a": 1}, 2]', JSON_ARRAY);
    expect(found.map(({ where, json }) => [where, json])).toEqual([
      ["element 1", '{"a":1}'],
      ["element 2", "2"],
    ]);
  });

  test.each([
    [
      '{"type":"x","features":[1]}',
      "the file: holds an object; say which array to take: --records-field features",
    ],
    ['{"a":1}', "the file: holds an object, not an array"],
    ["12", "the file: holds no array"],
    ['{"a":1}\n{"a":2}', "it is --format ndjson"],
  ])("%j is refused with what to do", async (content, message) => {
    expect(await fault(content, JSON_ARRAY)).toContain(message);
  });

  test("real flights and earthquakes are read", async () => {
    const read = (name: string, recordsField?: string) =>
      Array.fromAsync(
        readRows(createReadStream(dataSet(name)), { ...OPTIONS, format: "json", recordsField }),
      );
    expect(await read("flights-2k.json")).toHaveLength(2000);
    expect(await read("earthquakes.json", "features")).toHaveLength(1707);
  });
});

test.each(["ndjson", "csv", "json"] as const)(
  "a %s file that cannot be read says so and does not hang",
  async (format) => {
    const read = Array.fromAsync(readRows(createReadStream("/nowhere/at/all"), { ...OPTIONS, format }));
    expect(await rejectionOf(read)).toMatchObject({ code: "ENOENT" });
  },
);

test("reading may end early, and lets go of the file", async () => {
  for (const format of ["ndjson", "csv"] as const) {
    let isReleased = false;
    async function* endless() {
      try {
        for (;;) yield new TextEncoder().encode("1\n");
      } finally {
        isReleased = true;
      }
    }
    let count = 0;
    for await (const _ of readRows(endless(), { ...OPTIONS, format })) if (++count === 3) break;
    // The parser tells its source to end a turn of the event loop later.
    for (let turn = 0; turn < 100 && !isReleased; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    expect(isReleased).toBe(true);
  }
});

test("a file's name tells its format", () => {
  expect(["a.NDJSON", "a.jsonl", "b.csv", "c.json", "d.txt", "-", "constructor"].map(formatOf)).toEqual([
    "ndjson",
    "ndjson",
    "csv",
    "json",
    undefined,
    undefined,
    undefined,
  ]);
});
