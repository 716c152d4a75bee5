import { expect, test } from "bun:test";
import fc from "fast-check";
import { DECOMPRESSED_BYTES_MAX, decodeRecords } from "./recordBatches.ts";
import { encodeBatch, type RecordToEncode } from "./recordEncoder.ts";

const WANTED = { topic: "t", partition: 0, offset: 0 };
const IDENTITY = { producerId: -1n, producerEpoch: -1, sequence: -1 };
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

const bytes = fc.uint8Array({ maxLength: 300 });
const anyRecord = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(
    fc.tuple(
      fc.string({ maxLength: 5 }).map((name) => new TextEncoder().encode(name)),
      bytes,
    ),
    { maxLength: 3 },
  ),
  timestampMs: fc.integer({ min: 0, max: 2 ** 43 }),
});

test("what is encoded is decoded, with any timestamps, headers and compression", () => {
  const codecs = fc.constantFrom("none", "gzip", "snappy", "lz4", "zstd");
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), codecs, (records, codec) => {
      const decoded = decodeRecords({ bytes: encodeBatch(records, IDENTITY, codec), aborted: [] }, WANTED);
      expect(decoded.unreadable).toBeUndefined();
      expect(decoded.next).toBe(records.length);
      expect(decoded.records.map(comparable)).toEqual(records.map(comparable));
    }),
  );
});

test("what lies before the wanted offset is left out", () => {
  const decoded = decodeRecords(
    { bytes: batch(10, ["a", "b", "c"]), aborted: [] },
    { ...WANTED, offset: 12 },
  );
  expect(decoded.records.map(({ offset }) => offset)).toEqual([12]);
  expect(decoded.next).toBe(13);
});

test("a batch that was cut is left for the next fetch", () => {
  const whole = batch(0, ["a"]);
  const cut = batch(1, ["b"]);
  for (let length = 0; length < cut.length; length++) {
    const decoded = decodeRecords(
      { bytes: Buffer.concat([whole, cut.subarray(0, length)]), aborted: [] },
      WANTED,
    );
    expect(decoded).toMatchObject({ next: 1, unreadable: undefined });
    expect(decoded.records).toHaveLength(1);
  }
});

test.each(["gzip", "zstd"] as const)(
  "a %s batch that would fill the memory is named, and left out",
  (codec) => {
    const value = new Uint8Array(DECOMPRESSED_BYTES_MAX + 1);
    const record: RecordToEncode = { key: null, value, headers: [], timestampMs: 0 };
    const bomb = encodeBatch([record], IDENTITY, codec);
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const decoded = decodeRecords({ bytes: bomb, aborted: [] }, WANTED);
    expect(decoded.records).toEqual([]);
    expect(decoded.unreadable).toBeDefined();
  },
);

test("a damaged batch is named, and what comes before it is kept", () => {
  const damaged = batch(1, ["b", "c"]);
  damaged[damaged.length - 2] = (damaged[damaged.length - 2] ?? 0) ^ 1;
  const decoded = decodeRecords(
    { bytes: Buffer.concat([batch(0, ["a"]), damaged, batch(3, ["d"])]), aborted: [] },
    WANTED,
  );
  expect(decoded.records).toHaveLength(1);
  expect(decoded).toMatchObject({ next: 1, unreadable: { first: 1, last: 2 } });
});

test("no damage to the bytes is taken for records, or throws", () => {
  const good = Buffer.concat([batch(0, ["a", "b"]), batch(2, ["c"])]);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ change;
      const decoded = decodeRecords({ bytes: bad, aborted: [] }, WANTED);
      for (const { value } of decoded.records)
        expect(["a", "b", "c"]).toContain(Buffer.from(value ?? []).toString());
    }),
  );
});

test("an aborted producer's batches are left out until its marker, and those of others stay", () => {
  const log = Buffer.concat([
    batch(0, ["abort 1"], { producerId: 7n, attributes: TRANSACTIONAL }),
    batch(1, ["commit 8"], { producerId: 8n, attributes: TRANSACTIONAL }),
    batch(2, ["plain"]),
    batch(3, ["marker"], { producerId: 7n, attributes: TRANSACTIONAL | CONTROL }),
    batch(4, ["commit 7"], { producerId: 7n, attributes: TRANSACTIONAL }),
    batch(5, ["marker"], { producerId: 7n, attributes: TRANSACTIONAL | CONTROL }),
    batch(6, ["abort 2"], { producerId: 7n, attributes: TRANSACTIONAL }),
    batch(7, ["marker"], { producerId: 7n, attributes: TRANSACTIONAL | CONTROL }),
    batch(8, ["marker"], { producerId: 8n, attributes: TRANSACTIONAL | CONTROL }),
  ]);
  const aborted = [
    { producerId: 7n, firstOffset: 6n },
    { producerId: 7n, firstOffset: 0n },
  ];
  const decoded = decodeRecords({ bytes: log, aborted }, WANTED);
  expect(decoded.records.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual([
    "commit 8",
    "plain",
    "commit 7",
  ]);
  expect(decoded.next).toBe(9);
});

function batch(
  first: number,
  values: readonly string[],
  more: { producerId?: bigint; attributes?: number } = {},
): Buffer {
  const records = values.map((value) => ({
    key: null,
    value: Buffer.from(value),
    headers: [],
    timestampMs: 1,
  }));
  const encoded = encodeBatch(records, { ...IDENTITY, producerId: more.producerId ?? -1n }, "none");
  encoded.writeBigInt64BE(BigInt(first), 0);
  if (more.attributes !== undefined) {
    encoded.writeInt16BE(more.attributes, 21);
    encoded.writeUInt32BE(checksum(encoded.subarray(21)), 17);
  }
  return encoded;
}

function checksum(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function comparable({
  key,
  value,
  headers,
  timestampMs,
}: {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: ReadonlyArray<readonly [Uint8Array | string, Uint8Array]>;
  readonly timestampMs: RecordToEncode["timestampMs"];
}) {
  const hex = (content: Uint8Array | string | null) =>
    content === null ? null : Buffer.from(content as Uint8Array).toString("hex");
  return {
    key: hex(key),
    value: hex(value),
    timestampMs,
    headers: headers.map(([name, content]) => [hex(name), hex(content)]),
  };
}
