import { z } from "zod";
import { connectFault } from "./unreachable.ts";

/** Why no WebSocket comes about at an address, as plain HTTP tells. */
export interface Diagnosis {
  readonly fault: string;
  readonly advice: string;
  /** Trying again changes nothing. */
  readonly isFinal: boolean;
}

const ANSWER_TIMEOUT_MS = 5_000;
const ADVICE = "--url names the public port, 3000 by default, with the path /ws: ws://127.0.0.1:3000/ws";
const REFUSAL = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Asks once, without a handshake. `url` is that of a WebSocket. Never rejects. */
export async function diagnose(
  url: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Diagnosis> {
  try {
    const response = await fetch(url.replace(/^ws/, "http"), {
      redirect: "manual",
      ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
    return ofAnswer(url, response.status, await response.json().catch(() => undefined));
  } catch (error) {
    const fault = connectFault(new URL(url), error);
    const advice = `Is \`shardcast serve\` running there? ${ADVICE}`;
    return { fault: `no connection to ${url}: ${fault}`, advice, isFinal: false };
  }
}

function ofAnswer(url: string, status: number, body: unknown): Diagnosis {
  const refusal = REFUSAL.safeParse(body);
  const why = refusal.success ? `: ${refusal.data.error.message} (${refusal.data.error.code})` : "";
  const fault = `no connection to ${url}: it answered ${status}${why}`;
  // The path takes WebSockets: what broke the handshake may be over, as with 429 and 503.
  if (status === 426 || status === 429 || status >= 500) return { fault, advice: "", isFinal: false };
  if (status === 401 || status === 403) {
    const isToken = status === 401;
    const advice = isToken
      ? "Name a file with a token that the server accepts: --token-file."
      : "The server does not let this client in.";
    return { fault, advice, isFinal: true };
  }
  const isAdmin = refusal.success && refusal.data.error.message.includes("/api/publish");
  return { fault, advice: isAdmin ? `That is the admin port. ${ADVICE}` : ADVICE, isFinal: true };
}
