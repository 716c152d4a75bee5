import { MARK_TOO_LONG } from "@shardcast/protocol/mark";
import { parseRequest } from "./requests.ts";

/** What a request for an event stream asks for: what a WebSocket client would send. */
export interface EventRequest {
  /** Texts of one `subscribe`; of two where the first is refused because nobody can read its position, which tells that. */
  readonly requests: readonly string[];
  /** Positions as the client sent them; empty where it is new. */
  readonly since: readonly string[];
}

/**
 * Reads `/sse?channels=a,b.*&snapshot=true`, with the position in the header `Last-Event-ID` or, for a client that can not set
 * it, in `since`. Returns what is wrong with it where the client would have to change it.
 */
export function parseEventRequest(
  request: Request,
  url: URL,
  channelsMax: number,
): EventRequest | { readonly code: string; readonly message: string } {
  const names = url.searchParams.getAll("channels").flatMap((list) => list.split(","));
  const channels = names.map((name) => name.trim()).filter((name) => name !== "");
  if (channels.length === 0) {
    return { code: "bad_request", message: "name the channels: /sse?channels=BTC.trade,ETH.*" };
  }
  const wantsSnapshot = url.searchParams.get("snapshot");
  if (wantsSnapshot !== null && wantsSnapshot !== "true" && wantsSnapshot !== "false") {
    return { code: "bad_request", message: "`snapshot` is true or false" };
  }
  const items =
    wantsSnapshot === "true" ? channels.map((channel) => ({ channel, snapshot: true })) : channels;
  const told = request.headers.get("last-event-id") ?? url.searchParams.get("since") ?? "";
  const refused: string[] = [];
  const since = told.split(",").filter((entry) => entry !== "");
  for (const positions of since.length > 0 ? [since, [MARK_TOO_LONG]] : [since]) {
    const message = {
      type: "subscribe",
      id: 1,
      channels: items,
      ...(positions.length > 0 && { since: positions }),
    };
    const subscribe = JSON.stringify(message);
    const parsed = parseRequest(subscribe, channelsMax);
    if (parsed.type !== "refused") return { requests: [...refused, subscribe], since: positions };
    if (parsed.code !== "since_invalid") return { code: parsed.code, message: parsed.message };
    // With a status a browser would give up for good, and the position is as a rule nothing that its page has made: it is told
    // what is wrong with it, has not recovered, and goes on.
    refused.push(subscribe);
  }
  return { code: "since_invalid", message: "the position can not be read" };
}
