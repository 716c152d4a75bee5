/**
 * What a client sees of a server. `counted` is the reason in `handshake_refusals_total`; what the transport refuses before
 * anything of ours has seen it is counted nowhere, and then the connection `ends`.
 */
export type HandshakeReaction =
  | { readonly kind: "opens"; readonly subprotocol?: string }
  | { readonly kind: "refuses"; readonly status: number; readonly ends: boolean; readonly counted?: string }
  /** An answer of HTTP that has nothing to do with WebSockets. */
  | { readonly kind: "answers"; readonly statuses: readonly number[] }
  /** TCP ends without an answer. */
  | { readonly kind: "ends" };

export interface HandshakeCase {
  readonly title: string;
  /** Of RFC 6455, or of RFC 9112 (HTTP/1.1) or 9110 (HTTP). */
  readonly section: string;
  readonly sends: string;
  readonly rfc: HandshakeReaction;
  /** Where this server does otherwise, and why that harms nobody. docs/security.md lists these by their titles. */
  readonly here?: { readonly reaction: HandshakeReaction; readonly because: string };
}

const OPENS: HandshakeReaction = { kind: "opens" };
const ENDS: HandshakeReaction = { kind: "ends" };
const refuses = (status: number): HandshakeReaction => ({ kind: "refuses", status, ends: true });
const BAD = refuses(400);
const counted = (status: number, reason: string): HandshakeReaction => ({
  ...{ kind: "refuses", status, ends: false, counted: reason },
});
/** The transport answers, and tells us. */
const VERSION: HandshakeReaction = { kind: "refuses", status: 426, ends: true, counted: "handshake_invalid" };
const ASKED_TO_END: HandshakeReaction = { ...VERSION, status: 400 };
const INVALID = counted(400, "handshake_invalid");
const NO_HANDSHAKE = counted(426, "upgrade_required");

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const HEADERS: Readonly<Record<string, string>> = {
  ...{ Host: "x", Connection: "Upgrade", Upgrade: "websocket" },
  ...{ "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY },
};

interface Change {
  readonly line?: string;
  /** Undefined leaves the header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Further lines. */
  readonly lines?: readonly string[];
  readonly body?: string;
}

export function handshake({
  line = "GET /ws HTTP/1.1",
  headers = {},
  lines = [],
  body = "",
}: Change = {}): string {
  const named = Object.entries({ ...HEADERS, ...headers }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${[line, ...named, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

const withLine = (title: string, section: string, line: string, rfc: HandshakeReaction): HandshakeCase => ({
  ...{ title, section, sends: handshake({ line }), rfc },
});
const withHeaders = (
  title: string,
  section: string,
  headers: Readonly<Record<string, string | undefined>>,
  rfc: HandshakeReaction,
): HandshakeCase => ({ title, section, sends: handshake({ headers }), rfc });
const withLines = (
  title: string,
  section: string,
  lines: readonly string[],
  rfc: HandshakeReaction,
  body = "",
): HandshakeCase => ({ title, section, sends: handshake({ lines, body }), rfc });

/** What would be answered if it were taken for a request of its own. */
const SMUGGLED = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";

const REQUEST_LINES: readonly HandshakeCase[] = [
  { title: "a plain handshake", section: "4.1", sends: handshake(), rfc: OPENS },
  withLine("POST", "4.1", "POST /ws HTTP/1.1", NO_HANDSHAKE),
  withLine("PUT", "4.1", "PUT /ws HTTP/1.1", NO_HANDSHAKE),
  withLine("HEAD", "4.1", "HEAD /ws HTTP/1.1", NO_HANDSHAKE),
  {
    // What follows a CONNECT is no request any more, so that the last one would not be answered. Its target is another
    // server's address, which is none of this one's.
    ...{ title: "CONNECT", section: "4.1" },
    rfc: { kind: "refuses", status: 400, ends: true, counted: "host_invalid" },
    sends: handshake({ line: "CONNECT x:80 HTTP/1.1", headers: { Connection: "close" } }),
  },
  withLine("a method with a forbidden character", "9112 3.1", "G@T /ws HTTP/1.1", BAD),
  withLine("a method in lower case", "9110 9.1", "get /ws HTTP/1.1", ENDS),
  {
    ...withLine("HTTP/1.0", "4.1", "GET /ws HTTP/1.0", BAD),
    here: {
      reaction: OPENS,
      because:
        "the transport does not tell the version; who speaks 1.0 and completes the handshake speaks WebSocket",
    },
  },
  withLine("HTTP/1.2", "9110 15.6.6", "GET /ws HTTP/1.2", refuses(505)),
  withLine("HTTP/2.0 in a line", "9110 15.6.6", "GET /ws HTTP/2.0", refuses(505)),
  withLine("a version with something behind", "9112 2.3", "GET /ws HTTP/1.1x", refuses(505)),
  withLine("no version", "9112 3", "GET /ws", refuses(505)),
  { title: "the preface of HTTP/2", section: "9112 3", sends: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", rfc: BAD },
  withLine("two blanks in the request line", "9112 3", "GET  /ws  HTTP/1.1", BAD),
  withLine("tabs in the request line", "9112 3", "GET\t/ws\tHTTP/1.1", refuses(505)),
  withLine("a blank before the request line", "9112 3", " GET /ws HTTP/1.1", BAD),
  withLine("a path without a slash", "9112 3.2.1", "GET ws HTTP/1.1", BAD),
  withLine("U+0000 in the path", "9112 3.2", "GET /ws\0 HTTP/1.1", refuses(505)),
  withLine("a path in full form", "9112 3.2.2", "GET http://x/ws HTTP/1.1", OPENS),
  withLine("CR and LF in percent signs", "9112 11.1", "GET /ws?x=%0d%0aX-Evil:%20y HTTP/1.1", OPENS),
  withLine("a path of another name for it", "9112 3.2", "GET /%77s HTTP/1.1", {
    kind: "answers",
    statuses: [404],
  }),
  withLine("a query of 64 KiB", "9112 3", `GET /ws?${"a".repeat(65_536)} HTTP/1.1`, refuses(431)),
  {
    ...{
      title: "an empty line before the request",
      section: "9112 2.2",
      sends: `\r\n${handshake()}`,
      rfc: OPENS,
    },
    here: { reaction: BAD, because: "only some clients before HTTP/1.1 send one" },
  },
  {
    ...{ title: "lines that end with LF alone", section: "9112 2.2", rfc: refuses(505) },
    sends: handshake().replaceAll("\r\n", "\n"),
  },
  {
    ...{ title: "lines that end with CR alone", section: "9112 2.2", rfc: refuses(505) },
    sends: handshake().replaceAll("\r\n", "\r"),
  },
  { title: "zeros", section: "9112 3", sends: "\0".repeat(100), rfc: BAD },
  {
    title: "a TLS hello in plain text",
    section: "9112 3",
    sends: `\x16\x03\x01\x02\0\x01${"x".repeat(99)}`,
    rfc: BAD,
  },
  {
    ...{ title: "a PROXY header that nobody asked for", section: "9112 3", rfc: BAD },
    sends: `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${handshake()}`,
  },
];

const HANDSHAKE_HEADERS: readonly HandshakeCase[] = [
  withHeaders(
    "other letters of the same words",
    "4.2.1",
    { Upgrade: "WebSocket", Connection: "keep-alive, uPGRADE" },
    OPENS,
  ),
  withHeaders("no Host", "4.2.1", { Host: undefined }, BAD),
  withHeaders("an empty Host", "4.2.1", { Host: "" }, counted(400, "host_invalid")),
  withHeaders("a Host with a blank", "9112 3.2", { Host: "a b" }, counted(400, "host_invalid")),
  withHeaders("a Host that ends early", "9112 3.2", { Host: "[::" }, counted(400, "host_invalid")),
  withHeaders("a Host with a user", "9112 3.2", { Host: "u@h" }, counted(400, "host_invalid")),
  withHeaders("a Host with a quote", "9112 3.2", { Host: "x%22y" }, counted(400, "host_invalid")),
  withHeaders("a Host with a semicolon", "9112 3.2", { Host: "x;y" }, counted(400, "host_invalid")),
  withHeaders("a Host with a path", "9112 3.2", { Host: "x/live?" }, counted(400, "host_invalid")),
  withHeaders("a Host that is a list", "9112 3.2", { Host: "x, y" }, counted(400, "host_invalid")),
  withLines("two Hosts", "9112 3.2", ["Host: y"], counted(400, "host_invalid")),
  withHeaders("no Upgrade", "4.2.1", { Upgrade: undefined }, NO_HANDSHAKE),
  withHeaders("another Upgrade", "4.2.1", { Upgrade: "h2c" }, NO_HANDSHAKE),
  withHeaders("a list of Upgrades", "4.2.1", { Upgrade: "h2c, websocket" }, OPENS),
  withHeaders("no Connection", "4.2.1", { Connection: undefined }, INVALID),
  withHeaders("Connection: close", "4.2.1", { Connection: "close" }, ASKED_TO_END),
  withHeaders("a Connection that is nearly right", "4.2.1", { Connection: "Upgraded" }, INVALID),
  withHeaders("no key", "4.2.1", { "Sec-WebSocket-Key": undefined }, INVALID),
  withHeaders("an empty key", "4.2.1", { "Sec-WebSocket-Key": "" }, INVALID),
  withHeaders("a key that is no base64", "4.2.1", { "Sec-WebSocket-Key": `${"!".repeat(22)}==` }, INVALID),
  withHeaders("a key of 15 bytes", "4.2.1", { "Sec-WebSocket-Key": btoa("a".repeat(15)) }, INVALID),
  withHeaders("a key of 17 bytes", "4.2.1", { "Sec-WebSocket-Key": btoa("a".repeat(17)) }, INVALID),
  withLines("two keys", "11.3.1", ["Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="], INVALID),
  ...[undefined, "", "0", "8", "12", "14", "013", "13, 8"].map((version) =>
    withHeaders(`version ${version ?? "left out"}`, "4.4", { "Sec-WebSocket-Version": version }, VERSION),
  ),
  withLines("two versions", "11.3.5", ["Sec-WebSocket-Version: 8"], VERSION),
  withHeaders("an extension", "9.1", { "Sec-WebSocket-Extensions": "permessage-deflate" }, OPENS),
  {
    ...withHeaders("extensions that are none", "9.1", { "Sec-WebSocket-Extensions": ';;=,,"x' }, BAD),
    here: { reaction: OPENS, because: "no extension is ever chosen, so nothing of it is read" },
  },
  withHeaders(
    "our subprotocol among others",
    "4.2.2",
    { "Sec-WebSocket-Protocol": "chat, shardcast.v1" },
    {
      ...{ kind: "opens", subprotocol: "shardcast.v1" },
    },
  ),
  withHeaders(
    "another subprotocol",
    "4.2.2",
    { "Sec-WebSocket-Protocol": "chat" },
    counted(400, "subprotocol_unknown"),
  ),
  withHeaders(
    "a token as the only subprotocol",
    "4.2.2",
    { "Sec-WebSocket-Protocol": "shardcast.token.abc" },
    counted(400, "subprotocol_unknown"),
  ),
];

const SMUGGLING: readonly HandshakeCase[] = [
  withLines("a body of known length", "4.1", ["Content-Length: 5"], INVALID, "hello"),
  withLines("a request in a body", "9112 11.2", [`Content-Length: ${SMUGGLED.length}`], INVALID, SMUGGLED),
  withLines(
    "two lengths",
    "9112 6.3",
    ["Content-Length: 0", `Content-Length: ${SMUGGLED.length}`],
    BAD,
    SMUGGLED,
  ),
  withLines("a list of lengths", "9112 6.3", ["Content-Length: 5, 5"], BAD, "hello"),
  ...["+5", "-1", "0x5", "", "5 5", "9".repeat(30)].map((length) =>
    withLines(`length "${length.slice(0, 9)}"`, "9110 8.6", [`Content-Length: ${length}`], BAD),
  ),
  withLines("a body in chunks", "4.1", ["Transfer-Encoding: chunked"], INVALID, "5\r\nhello\r\n0\r\n\r\n"),
  withLines("a body in chunks behind a tab", "4.1", ["Transfer-Encoding:\tchunked"], INVALID, "0\r\n\r\n"),
  withLines(
    "chunks and a length",
    "9112 6.1",
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    BAD,
    "0\r\n\r\n",
  ),
  withLines(
    "a length and chunks",
    "9112 6.1",
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    BAD,
    `0\r\n\r\n${SMUGGLED}`,
  ),
  withLines("an encoding that is none", "9112 6.1", ["Transfer-Encoding: xchunked"], BAD),
  withLines("chunks that are not last", "9112 6.3", ["Transfer-Encoding: chunked, gzip"], BAD),
  withLines("two encodings", "9112 6.1", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], BAD),
  withLines(
    "a blank before the colon",
    "9112 5.1",
    ["Transfer-Encoding : chunked"],
    BAD,
    `0\r\n\r\n${SMUGGLED}`,
  ),
  withLines("a folded line", "9112 5.2", ["X-A: a", " chunked"], BAD),
  withLines(
    "a subprotocol with a line within",
    "9112 11.1",
    ["Sec-WebSocket-Protocol: shardcast.v1\r\n\tX-Evil: 1"],
    BAD,
  ),
  withLines("CR alone in a value", "9112 2.2", ["X-A: a\rX-B: b"], BAD),
  withLines("LF alone in a value", "9112 2.2", ["X-A: a\nX-B: b"], BAD),
  withLines("U+0000 in a value", "9110 5.5", ["X-A: a\0b"], BAD),
  withLines("U+0001 in a value", "9110 5.5", ["X-A: a\x01b"], BAD),
  {
    ...withLines("DEL in a value", "9110 5.5", ["X-A: a\x7fb"], BAD),
    here: { reaction: OPENS, because: "no header's value is sent on, to anybody" },
  },
  withLines("a blank in a name", "9112 5.1", ["X A: b"], BAD),
  withLines("a name that is empty", "9112 5.1", [": b"], BAD),
  withLines("a line without a colon", "9112 5", ["X-A"], BAD),
  withLines("a header of 64 KiB", "9112 5.4", [`X-A: ${"a".repeat(65_536)}`], refuses(431)),
  withLines(
    "a thousand headers",
    "9112 5.4",
    Array.from({ length: 1000 }, (_, i) => `X-${i}: 1`),
    refuses(431),
  ),
  {
    ...{
      title: "two requests in one write",
      section: "9112 9.3.2",
      rfc: { kind: "answers", statuses: [200, 200] },
    },
    sends: SMUGGLED + SMUGGLED,
  },
  {
    ...{ title: "a handshake behind a request", section: "9112 9.3.2", rfc: OPENS },
    sends: SMUGGLED + handshake(),
  },
  {
    ...{
      title: "a request with a request as its body",
      section: "9112 6.3",
      rfc: { kind: "answers", statuses: [200] },
    },
    sends: `GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  },
  {
    ...{ title: "a request with chunks and a length", section: "9112 6.1", rfc: BAD },
    sends: `POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  },
];

/** What the RFCs say of handshakes, and what this server does. */
export const HANDSHAKE_CASES: readonly HandshakeCase[] = [
  ...REQUEST_LINES,
  ...HANDSHAKE_HEADERS,
  ...SMUGGLING,
];
