import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { SourceRecord } from "../publication.ts";
import type { AbortedTransaction } from "./fetch.ts";
import { compressionsAlgorithmsByBitmask, crc32c } from "./library.ts";
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
  PRODUCER_ID_AT,
  RECORDS_AT,
} from "./recordBatchLayout.ts";

export interface DecodedRecords {
  /** The committed records from the wanted offset on, in order. */
  readonly records: readonly SourceRecord[];
  /** Keys, values and headers of the records, in bytes. */
  readonly bytes: number;
  /** The fetch position: the offset after the last batch read, whether or not it held anything. */
  readonly next: number;
  /** The leader epochs of what was read, in order, each with its last offset. */
  readonly epochs: readonly LeaderEpoch[];
  /** The batch after that, where it could not be decoded. */
  readonly unreadable: UnreadableBatch | undefined;
}

export interface LeaderEpoch {
  readonly epoch: number;
  readonly through: number;
}

export interface UnreadableBatch {
  readonly first: number;
  readonly last: number;
  readonly error: Error;
}

const CODEC = 0b111;
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

/**
 * Decodes what one fetch brought, from `wanted` on. Aborted transactions are filtered as Kafka's own consumer does it:
 * the broker names all of them that overlap the fetched range, so each fetch stands for itself, and a transaction may
 * span many fetches, or one fetch hold many transactions of one producer.
 */
export function decodeRecords(
  fetched: { readonly bytes: Buffer; readonly aborted: readonly AbortedTransaction[] },
  wanted: { readonly topic: string; readonly partition: number; readonly offset: number },
): DecodedRecords {
  const { bytes } = fetched;
  const pending = [...fetched.aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  const abortedProducers = new Set<bigint>();
  const records: SourceRecord[] = [];
  const sink: Sink = { ...wanted, records, bytes: 0 };
  const epochs: LeaderEpoch[] = [];
  let next = wanted.offset;
  let unreadable: UnreadableBatch | undefined;
  for (let at = 0; at + RECORDS_AT <= bytes.length; ) {
    const length = bytes.readInt32BE(at + LENGTH_AT);
    if (length < RECORDS_AT - PREFIX_BYTES) {
      unreadable = { first: next, last: next, error: new Error(`a batch can not be ${length} bytes long`) };
      break;
    }
    const end = at + PREFIX_BYTES + length;
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    at = end;
    const first = Number(batch.readBigInt64BE(0));
    const last = first + batch.readInt32BE(LAST_OFFSET_DELTA_AT);
    if (batch.readInt8(MAGIC_AT) !== MAGIC) {
      // In older formats the fields above lie elsewhere, so not even the batch's last offset is known.
      unreadable = { first: next, last: next, error: new Error("a message format older than version 2") };
      break;
    }
    const attributes = batch.readInt16BE(ATTRIBUTES_AT);
    const producerId = batch.readBigInt64BE(PRODUCER_ID_AT);
    while (pending[0] !== undefined && pending[0].firstOffset <= last) {
      abortedProducers.add(pending[0].producerId);
      pending.shift();
    }
    if ((attributes & CONTROL) !== 0) {
      // Abort and commit markers alike end what this producer had open.
      abortedProducers.delete(producerId);
    } else if (
      last >= wanted.offset &&
      !((attributes & TRANSACTIONAL) !== 0 && abortedProducers.has(producerId))
    ) {
      const kept = records.length;
      const keptBytes = sink.bytes;
      try {
        decodeBatch(batch, first, attributes, sink);
      } catch (error) {
        records.length = kept;
        sink.bytes = keptBytes;
        unreadable = {
          first: Math.max(first, next),
          last,
          error: error instanceof Error ? error : new Error(String(error)),
        };
        break;
      }
    }
    next = Math.max(next, last + 1);
    if (last >= wanted.offset) noteEpoch(epochs, batch.readInt32BE(LEADER_EPOCH_AT), last);
  }
  return { records, bytes: sink.bytes, next, epochs, unreadable };
}

/** The leader epoch of what lies at an offset; undefined where that is not known. */
export function epochAt(epochs: readonly LeaderEpoch[], offset: number): number | undefined {
  const found = epochs.find(({ through }) => through >= offset);
  return found === undefined || found.epoch < 0 ? undefined : found.epoch;
}

function noteEpoch(epochs: LeaderEpoch[], epoch: number, through: number): void {
  if (epochs.at(-1)?.epoch === epoch) epochs.pop();
  epochs.push({ epoch, through });
}

interface Sink {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly records: SourceRecord[];
  bytes: number;
}

function decodeBatch(batch: Buffer, first: number, attributes: number, sink: Sink): void {
  // Brokers send what lies on their disks without looking at it.
  if (crc32c(batch.subarray(ATTRIBUTES_AT)) >>> 0 !== batch.readUInt32BE(CRC_AT))
    throw new Error("the checksum is wrong");
  const firstTimestamp = Number(batch.readBigInt64BE(FIRST_TIMESTAMP_AT));
  const appendTime =
    (attributes & LOG_APPEND_TIME) !== 0 ? Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT)) : undefined;
  const count = batch.readInt32BE(COUNT_AT);
  const cursor = new RecordCursor(decompress(batch.subarray(RECORDS_AT), attributes & CODEC));
  for (let index = 0; index < count; index++) {
    const end = cursor.varint() + cursor.at;
    cursor.at++; // attributes, unused
    // To be read in any case: with the broker's own time it is there too, and means nothing.
    const timestampDelta = cursor.varint();
    const timestampMs = appendTime ?? firstTimestamp + timestampDelta;
    const offset = first + cursor.varint();
    if (offset < sink.offset) {
      cursor.at = end;
      continue;
    }
    const key = cursor.bytes();
    const value = cursor.bytes();
    const headers: Array<readonly [string, Uint8Array]> = [];
    for (let left = cursor.varint(); left > 0; left--) {
      const name = cursor.bytes();
      headers.push([name?.toString() ?? "", cursor.bytes() ?? NOTHING]);
    }
    if (cursor.at !== end) throw new Error("a record's length does not match its fields");
    sink.bytes += end - cursor.start;
    cursor.start = end;
    sink.records.push({
      topic: sink.topic,
      partition: sink.partition,
      offset,
      timestampMs,
      key,
      value,
      headers,
    });
  }
}

const NOTHING = new Uint8Array(0);
const GZIP = 1;
const ZSTD = 4;
/** A batch of a few KiB may become gigabytes, here and in every shard that reads it again: beyond this it is unreadable. */
export const DECOMPRESSED_BYTES_MAX = 128 * 1024 * 1024;
const DECOMPRESSION = { maxOutputLength: DECOMPRESSED_BYTES_MAX } as const;

function decompress(bytes: Buffer, codec: number): Buffer {
  if (codec === 0) return bytes;
  const algorithm = compressionsAlgorithmsByBitmask[codec];
  if (algorithm === undefined) throw new Error(`compression ${codec} is not known`);
  // The other two can not grow so far: at most 255 times (lz4) and about 21 times (snappy).
  if (codec === GZIP) return gunzipSync(bytes, DECOMPRESSION);
  if (codec === ZSTD) return zstdDecompressSync(bytes, DECOMPRESSION);
  return algorithm.decompressSync(bytes);
}

class RecordCursor {
  at = 0;
  start = 0;
  readonly #bytes: Buffer;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A zigzag number. Beyond 31 bits it goes on in floating point: timestamps differ by more than that. */
  varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[this.at++];
      if (byte === undefined || scale > 2 ** 63) throw new Error("the batch ends within a record");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new Error("the batch ends within a record");
    return this.#bytes.subarray(from, this.at);
  }
}
