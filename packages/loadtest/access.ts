import { TOKEN_SUBPROTOCOL_PREFIX } from "@shardcast/protocol/messages";
import type { TlsOptions } from "./target.ts";

/** What the servers want to see. Never part of a scenario or a report: it is secret. */
export interface Access {
  /** Of every client. */
  readonly token?: string | undefined;
  readonly tokenBy: "header" | "subprotocol";
  /** Of the admin ports: for the metrics it needs the scope `read`, for publishing `publish`. */
  readonly apiKey?: string | undefined;
  readonly tls: TlsOptions;
}

/** How a client shows its token in a handshake. */
export function handshakeAccess({ token, tokenBy }: Access): {
  readonly authorization: string | undefined;
  readonly subprotocols: readonly string[];
} {
  if (token === undefined) return { authorization: undefined, subprotocols: [] };
  if (tokenBy === "header") return { authorization: `Bearer ${token}`, subprotocols: [] };
  return { authorization: undefined, subprotocols: [TOKEN_SUBPROTOCOL_PREFIX + token] };
}

/** What a request to an admin port is sent with. */
export function adminAccess({ apiKey, tls }: Access): {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: NonNullable<BunFetchRequestInit["tls"]>;
} {
  return {
    headers: apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` },
    tls: { rejectUnauthorized: !tls.isInsecure, ...(tls.ca !== undefined && { ca: tls.ca }) },
  };
}
