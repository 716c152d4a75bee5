import { parseCursor, STREAM_ID_LENGTH } from "./cursor.ts";

/**
 * For each stream the offset that comes next: everything below it has been seen. The map form of a mark, and of a
 * whole `since` list.
 */
export type Positions = Map<string, number>;

/** Streams that one mark may name. Kafka clusters rarely spread one feed over more partitions than this. */
export const MARK_STREAMS_MAX = 4096;

/**
 * A mark is opaque to clients. It is `m`, then for each stream its id and the next offset in base 36, separated
 * by `~`: characters that need no escaping in JSON, URLs or headers.
 */
export function formatMark(positions: Iterable<readonly [streamId: string, next: number]>): string {
  const parts: string[] = [];
  for (const [streamId, next] of positions) parts.push(streamId + next.toString(36));
  return `m${parts.join("~")}`;
}

/** Returns undefined where the text is no mark. */
export function parseMark(text: string): Positions | undefined {
  if (!text.startsWith("m")) return undefined;
  const positions: Positions = new Map();
  if (text.length === 1) return positions;
  const parts = text.slice(1).split("~", MARK_STREAMS_MAX + 1);
  if (parts.length > MARK_STREAMS_MAX) return undefined;
  for (const part of parts) {
    if (!/^[0-9a-z]{8,18}$/.test(part)) return undefined;
    const next = Number.parseInt(part.slice(STREAM_ID_LENGTH), 36);
    if (!Number.isSafeInteger(next)) return undefined;
    raise(positions, part.slice(0, STREAM_ID_LENGTH), next);
  }
  return positions;
}

export interface Since {
  readonly positions: Positions;
  /**
   * Whether a mark was among the entries. A mark names every stream of its time, so a stream that it does not name
   * is younger than the mark, and the client has seen nothing of it; cursors alone say nothing of other streams.
   */
  readonly fromMark: boolean;
}

/**
 * Joins the marks and cursors of a `since` list: for each stream the greatest counts. Returns the first entry that
 * is neither a mark nor a cursor as `invalid`.
 */
export function joinSince(entries: readonly string[]): Since | { readonly invalid: string } {
  const positions: Positions = new Map();
  let fromMark = false;
  for (const entry of entries) {
    const cursor = parseCursor(entry);
    if (cursor !== undefined) {
      raise(positions, cursor.streamId, cursor.offset + 1);
      continue;
    }
    const mark = parseMark(entry);
    if (mark === undefined) return { invalid: entry };
    fromMark = true;
    for (const [streamId, next] of mark) raise(positions, streamId, next);
  }
  return { positions, fromMark };
}

function raise(positions: Positions, streamId: string, next: number): void {
  const known = positions.get(streamId);
  if (known === undefined || known < next) positions.set(streamId, next);
}
