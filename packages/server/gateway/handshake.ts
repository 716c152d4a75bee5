import { SUBPROTOCOL } from "@shardcast/protocol/messages";
import type { RefusalCode } from "./refusals.ts";

type HandshakeFault = Extract<RefusalCode, "upgrade_required" | "handshake_invalid" | "subprotocol_unknown">;

/**
 * What RFC 6455 (4.2.1) asks of a handshake and the transport does not look at. It does look at the version and, when it
 * upgrades, at the key.
 */
export function handshakeFault({ method, headers }: Request): HandshakeFault | undefined {
  if (method !== "GET" || !listed(headers.get("upgrade"), "websocket")) return "upgrade_required";
  // Without it, whatever stands in between has taken this for an ordinary request.
  if (!listed(headers.get("connection"), "upgrade")) return "handshake_invalid";
  // Where a body ends and frames begin is what two readers would see differently.
  const hasBody = headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0";
  if (hasBody) return "handshake_invalid";
  const offered = headers.get("sec-websocket-protocol");
  return offered === null || offersOurs(offered) ? undefined : "subprotocol_unknown";
}

/**
 * The header that names the subprotocol. A client that offers some fails its handshake unless one of them is chosen; left
 * alone, the transport would choose the first one, and that may be a token.
 */
export function chosenSubprotocol(headers: Headers): Record<string, string> | undefined {
  return headers.has("sec-websocket-protocol") ? { "Sec-WebSocket-Protocol": SUBPROTOCOL } : undefined;
}

function offersOurs(offered: string): boolean {
  return offered.split(",").some((name) => name.trim() === SUBPROTOCOL);
}

function listed(list: string | null, token: string): boolean {
  return list?.split(",").some((name) => name.trim().toLowerCase() === token) === true;
}
