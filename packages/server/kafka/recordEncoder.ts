import { compressionsAlgorithms, crc32c } from "./library.ts";
import {
  ATTRIBUTES_AT,
  COUNT_AT,
  CRC_AT,
  FIRST_TIMESTAMP_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PREFIX_BYTES,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_AT,
  SEQUENCE_AT,
} from "./recordBatchLayout.ts";

export interface RecordToEncode {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>;
  readonly timestampMs: number;
}

export interface BatchIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The number of the first record among all that this producer has written to the partition. */
  readonly sequence: number;
}

/** A number of 53 bits in groups of seven. */
const VARINT_BYTES_MAX = 8;
const RECORD_FIELDS = 6;

/**
 * Encodes records as one batch of Kafka's message format 2. The library's encoder is not used, because it writes a
 * timestamp that is further than 2³¹ ms from the batch's first one wrongly (it cuts 64-bit numbers at 32 bits).
 */
export function encodeBatch(
  records: readonly RecordToEncode[],
  identity: BatchIdentity,
  compression: keyof typeof compressionsAlgorithms,
): Buffer {
  const firstTimestamp = records[0]?.timestampMs ?? 0;
  const plain = encodeRecords(records, firstTimestamp);
  const algorithm = compressionsAlgorithms[compression];
  const body = algorithm.bitmask === 0 ? plain : algorithm.compressSync(plain);
  const batch = Buffer.alloc(RECORDS_AT + body.length);
  batch.writeInt32BE(batch.length - PREFIX_BYTES, LENGTH_AT);
  batch.writeInt32BE(-1, LEADER_EPOCH_AT); // the broker's to fill in
  batch.writeInt8(MAGIC, MAGIC_AT);
  batch.writeInt16BE(algorithm.bitmask, ATTRIBUTES_AT);
  batch.writeInt32BE(records.length - 1, LAST_OFFSET_DELTA_AT);
  batch.writeBigInt64BE(BigInt(firstTimestamp), FIRST_TIMESTAMP_AT);
  batch.writeBigInt64BE(
    BigInt(records.reduce((most, { timestampMs }) => Math.max(most, timestampMs), firstTimestamp)),
    MAX_TIMESTAMP_AT,
  );
  batch.writeBigInt64BE(identity.producerId, PRODUCER_ID_AT);
  batch.writeInt16BE(identity.producerEpoch, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(identity.sequence, SEQUENCE_AT);
  batch.writeInt32BE(records.length, COUNT_AT);
  body.copy(batch, RECORDS_AT);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)) >>> 0, CRC_AT);
  return batch;
}

function encodeRecords(records: readonly RecordToEncode[], firstTimestamp: number): Buffer {
  const sizes = records.map(sizeBound);
  const target = new Target(sizes.reduce((sum, size) => sum + size, 0));
  for (const [index, record] of records.entries()) {
    const fields = new Target(sizes[index] ?? 0);
    fields.byte(0); // attributes, unused
    fields.varint(record.timestampMs - firstTimestamp);
    fields.varint(index);
    fields.bytes(record.key);
    fields.bytes(record.value);
    fields.varint(record.headers.length);
    for (const [name, value] of record.headers) {
      fields.bytes(name);
      fields.bytes(value);
    }
    target.bytes(fields.written());
  }
  return target.written();
}

function sizeBound({ key, value, headers }: RecordToEncode): number {
  let size = RECORD_FIELDS * VARINT_BYTES_MAX + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const [name, content] of headers) size += name.byteLength + content.byteLength + 2 * VARINT_BYTES_MAX;
  return size;
}

class Target {
  readonly #buffer: Buffer;
  #at = 0;
  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  byte(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  /** A zigzag number; in floating point, because timestamps need more than 32 bits. */
  varint(value: number): void {
    let rest = value < 0 ? -value * 2 - 1 : value * 2;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80);
    this.byte(rest);
  }

  bytes(content: Uint8Array | null): void {
    if (content === null) return this.varint(-1);
    this.varint(content.byteLength);
    this.#buffer.set(content, this.#at);
    this.#at += content.byteLength;
  }

  written(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }
}
