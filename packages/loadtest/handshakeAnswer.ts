/** A refusal with more is told without its code. */
const BODY_BYTES_MAX = 65_536;

export interface HandshakeAnswer {
  /** Why not: `http_503 instance_full`, the code being the server's own. undefined: the connection is open. */
  readonly refusal: string | undefined;
  /** 0 where the server asks for nothing. */
  readonly retryAfterMs: number;
  /** Where frames begin. */
  readonly end: number;
}

/** Reads a server's answer to an upgrade; undefined while it is not whole. */
export function readHandshakeAnswer(bytes: Uint8Array): HandshakeAnswer | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const end = headEnd + 4;
  const status = text.toString("latin1", 9, 12);
  if (status === "101") return { refusal: undefined, retryAfterMs: 0, end };
  const head = text.toString("latin1", 0, headEnd);
  const bodyBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (bodyBytes <= BODY_BYTES_MAX && text.length < end + bodyBytes) return undefined;
  const retryAfter = Number(/\r\nretry-after: *(\d{1,5})\r?/i.exec(head)?.[1] ?? 0);
  const code = /"code": ?"([a-z_]{1,40})"/.exec(text.toString("latin1", end, end + bodyBytes))?.[1];
  const label = /^\d{3}$/.test(status) ? `http_${status}` : "no_http";
  return { refusal: code === undefined ? label : `${label} ${code}`, retryAfterMs: retryAfter * 1000, end };
}
