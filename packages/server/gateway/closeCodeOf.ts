import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";

/**
 * The code that the client has seen. Where the transport closes a connection for what came on it, it tells us 1006 and its
 * own words for why; a client can not send 1006, so these words are never a client's.
 */
export function closeCodeOf(code: number, reason: string): number {
  if (code !== CLOSE_CODES.abnormal.code || !reason.startsWith("Received ")) return code;
  if (reason === "Received invalid UTF-8") return CLOSE_CODES.invalidText.code;
  if (reason === "Received too big message") return CLOSE_CODES.tooLarge.code;
  return CLOSE_CODES.protocolError.code;
}
