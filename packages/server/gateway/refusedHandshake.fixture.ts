/** RFC 6455's own example. */
const HANDSHAKE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The answer to a handshake that is refused, which a WebSocket does not show. `url` may begin with `ws:`. */
export function refusedHandshake(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(url.replace(/^ws/, "http"), { headers: { ...HANDSHAKE, ...headers } });
}
