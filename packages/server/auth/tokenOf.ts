import { TOKEN_SUBPROTOCOL_PREFIX } from "@shardcast/protocol/messages";

/** Longer tokens are refused unread: a request's head has 16 KiB for everything. */
export const TOKEN_CHARACTERS_MAX = 8 * 1024;

/**
 * The token of a handshake: from `Authorization: Bearer`, from the offered subprotocols (which is all that a browser
 * lets a page set), or from the query. Undefined where there is none, `ambiguous` where there are several: one of them
 * would otherwise be believed by accident.
 */
export function tokenOf(request: Request, url: URL): string | undefined | "ambiguous" {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const offered = (request.headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name.startsWith(TOKEN_SUBPROTOCOL_PREFIX))
    .map((name) => name.slice(TOKEN_SUBPROTOCOL_PREFIX.length));
  const tokens = new Set([
    ...(bearer === undefined ? [] : [bearer]),
    ...offered,
    ...url.searchParams.getAll("token"),
  ]);
  if (tokens.size > 1) return "ambiguous";
  return tokens.values().next().value;
}
