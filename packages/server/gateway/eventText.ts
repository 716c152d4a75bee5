import { formatCursor, parseCursor } from "@shardcast/protocol/cursor";
import { MARK_TOO_LONG } from "@shardcast/protocol/mark";

/**
 * A browser sends the last position back in a header, and servers and proxies on the way take headers of 8 KB. A longer one
 * is not told, and who comes back with none has not recovered: that is known. It also bounds what each event carries.
 */
const POSITION_CHARACTERS_MAX = 6 * 1024;

/** Every message's envelope begins so; see `source/envelope.ts`. */
const MESSAGE_PREFIX = '{"type":"message",';
const CURSOR = /^\{"type":"message","channel":"[^"]*","cursor":"([^"]*)"/;
const LINE_BREAKS = /\r\n|\r|\n/g;

export function isMessage(text: string): boolean {
  return text.startsWith(MESSAGE_PREFIX);
}

/**
 * One event of a `text/event-stream` (WHATWG HTML, 9.2.6). Without a `type` a page gets it by `onmessage`; the `id` is what it
 * sends back after an interruption. A payload may have line breaks between its tokens, never within one.
 */
export function eventText(data: string, { type, id }: { type?: string; id?: string | undefined }): string {
  const oneLine = /[\r\n]/.test(data) ? data.replace(LINE_BREAKS, " ") : data;
  return `${type === undefined ? "" : `event: ${type}\n`}${id === undefined ? "" : idLine(id)}data: ${oneLine}\n\n`;
}

/** By itself, with an empty line behind it, it changes what a browser sends back and nothing else. */
export function idLine(position: string): string {
  return `id: ${position.length > POSITION_CHARACTERS_MAX ? MARK_TOO_LONG : position}\n`;
}

/** The cursor of a message's envelope. */
function cursorOf(text: string): string | undefined {
  return CURSOR.exec(text)?.[1];
}

/** A position while a resume is under way: where the client said that it stood, and what it was sent since. */
export class ResumedPosition {
  readonly #since: readonly string[];
  readonly #seen = new Map<string, number>();

  constructor(since: readonly string[]) {
    this.#since = since;
  }

  /** The position that includes this message. */
  including(text: string): string {
    const cursor = parseCursor(cursorOf(text) ?? "");
    if (cursor !== undefined) this.#seen.set(cursor.streamId, cursor.offset);
    return [...this.#since, ...[...this.#seen].map(([id, offset]) => formatCursor(id, offset))].join(",");
  }
}
