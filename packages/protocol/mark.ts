import { parseCursor, STREAM_ID_LENGTH } from "./cursor.ts";

/**
 * For each stream the offset that comes next: everything below it has been seen. The map form of a mark, and of a
 * whole `since` list.
 */
export type Positions = Map<string, number>;

/** Streams that one mark may name. */
export const MARK_STREAMS_MAX = 8192;

/**
 * Characters of one mark: some 4,000 streams with busy offsets. It has to come back to a server in a message of 64 KB,
 * beside the channels that it is for.
 */
export const MARK_CHARACTERS_MAX = 48 * 1024;

/**
 * Stands for a position that is too long to be told. Whoever resumes from it has not recovered: that is known, while a
 * mark without some streams would be taken to mean that these are younger than it.
 */
export const MARK_TOO_LONG = "m~";

const STREAM_IDS = 36 ** STREAM_ID_LENGTH;

/**
 * A mark is opaque to clients. It is `m`, then base64url, which needs no escaping in JSON, URLs or headers, of two numbers
 * for each stream in the order of their ids: the distance from the id before, and the next offset, each in groups of seven
 * bits, lowest first. That takes some 12 characters for a stream.
 */
export function formatMark(positions: Iterable<readonly [streamId: string, next: number]>): string {
  const streams = [...positions];
  // A hub asks for its mark very often, in order already.
  if (!isSorted(streams)) streams.sort(([a], [b]) => (a < b ? -1 : 1));
  const writer = { bytes: new Uint8Array(streams.length * STREAM_BYTES_MAX), at: 0 };
  let before = -1;
  for (const [streamId, next] of streams) {
    const id = Number.parseInt(streamId, 36);
    writeNumber(writer, id - before - 1);
    writeNumber(writer, next);
    before = id;
  }
  return `m${toBase64Url(writer.bytes.subarray(0, writer.at))}`;
}

/** Returns undefined where the text is no mark, or none that names streams. */
export function parseMark(text: string): Positions | undefined {
  const bytes = text.startsWith("m") ? fromBase64Url(text.slice(1)) : undefined;
  if (bytes === undefined) return undefined;
  const positions: Positions = new Map();
  const reader = { bytes, at: 0 };
  let before = -1;
  while (reader.at < bytes.length) {
    const distance = readNumber(reader);
    const next = readNumber(reader);
    if (distance === undefined || next === undefined || positions.size === MARK_STREAMS_MAX) return undefined;
    before += distance + 1;
    if (before >= STREAM_IDS) return undefined;
    positions.set(before.toString(36).padStart(STREAM_ID_LENGTH, "0"), next);
  }
  return positions;
}

/** An id of 37 bits and an offset of 53, seven bits to the byte. */
const STREAM_BYTES_MAX = 6 + 8;

function isSorted(streams: ReadonlyArray<readonly [streamId: string, next: number]>): boolean {
  let before = "";
  for (const [streamId] of streams) {
    if (streamId < before) return false;
    before = streamId;
  }
  return true;
}

function writeNumber(writer: { readonly bytes: Uint8Array; at: number }, value: number): void {
  let rest = value;
  // Division, because shifts end at 32 bits and offsets at 53.
  for (; rest >= 128; rest = Math.floor(rest / 128)) writer.bytes[writer.at++] = (rest % 128) + 128;
  writer.bytes[writer.at++] = rest;
}

/** Returns undefined where the bytes end early, or the number is none that `writeNumber` writes. */
function readNumber(reader: { readonly bytes: string; at: number }): number | undefined {
  let value = 0;
  for (let scale = 1; reader.at < reader.bytes.length && scale < 2 ** 56; scale *= 128) {
    const byte = reader.bytes.charCodeAt(reader.at++);
    value += (byte % 128) * scale;
    if (byte < 128) return Number.isSafeInteger(value) && (byte > 0 || scale === 1) ? value : undefined;
  }
  return undefined;
}

function toBase64Url(bytes: Uint8Array): string {
  let text = "";
  // As arguments of one call, so in pieces that the stack has room for.
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes, one character each; undefined where the text is not base64url. */
function fromBase64Url(text: string): string | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}

export interface Since {
  readonly positions: Positions;
  /**
   * Whether a mark was among the entries. A mark names every stream of its time, so a stream that it does not name
   * is younger than the mark, and the client has seen nothing of it; cursors alone say nothing of other streams.
   */
  readonly fromMark: boolean;
  /** Whether the position of some streams is unknown, because it was too long to be told: nothing recovers from it. */
  readonly tooLong: boolean;
}

/**
 * Says the same as the entries in as few characters as it can: cursors go into their mark. Entries that this version
 * does not understand stay as they are: a newer server may.
 */
export function shortenSince(entries: readonly string[]): readonly string[] {
  const since = joinSince(entries);
  if ("invalid" in since || !since.fromMark) return entries;
  return [since.tooLong ? MARK_TOO_LONG : formatMark(since.positions)];
}

/**
 * Joins the marks and cursors of a `since` list: for each stream the greatest counts. Returns the first entry that
 * is neither a mark nor a cursor as `invalid`.
 */
export function joinSince(entries: readonly string[]): Since | { readonly invalid: string } {
  const positions: Positions = new Map();
  let fromMark = false;
  let tooLong = false;
  for (const entry of entries) {
    const cursor = parseCursor(entry);
    if (cursor !== undefined) {
      raise(positions, cursor.streamId, cursor.offset + 1);
      continue;
    }
    if (entry === MARK_TOO_LONG) {
      fromMark = true;
      tooLong = true;
      continue;
    }
    const mark = parseMark(entry);
    if (mark === undefined) return { invalid: entry };
    fromMark = true;
    for (const [streamId, next] of mark) raise(positions, streamId, next);
  }
  return { positions, fromMark, tooLong };
}

function raise(positions: Positions, streamId: string, next: number): void {
  const known = positions.get(streamId);
  if (known === undefined || known < next) positions.set(streamId, next);
}
