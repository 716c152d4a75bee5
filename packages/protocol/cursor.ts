/** The id of one publication, the same on every shard, instance and region that reads the same log. */
export interface Cursor {
  readonly streamId: string;
  /** Position in the stream, a safe integer ≥ 0. */
  readonly offset: number;
}

/** A stream id has exactly this many characters of base 36, so that marks need no separator after it. */
export const STREAM_ID_LENGTH = 7;

const CURSOR = /^([0-9a-z]{7}):(0|[1-9][0-9]{0,15})$/;

export function formatCursor(streamId: string, offset: number): string {
  return `${streamId}:${offset}`;
}

/** Returns undefined where the text is no cursor: input from clients is a value to answer, not an exception. */
export function parseCursor(text: string): Cursor | undefined {
  const match = CURSOR.exec(text);
  const offset = Number(match?.[2]);
  return Number.isSafeInteger(offset) ? { streamId: match?.[1] as string, offset } : undefined;
}
