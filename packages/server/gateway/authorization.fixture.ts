import type { closedAfterEach } from "../../../test/closing.fixture.ts";
import { AccessControl } from "../auth/access.ts";
import { publicKeysOf } from "../auth/publicKeys.ts";
import { makeToken, SECRET } from "../auth/tokens.fixture.ts";
import { TokenVerifier, type TokenVerifierOptions } from "../auth/tokenVerifier.ts";
import { gatewayFixture, RawClient } from "./gateway.fixture.ts";
import { refusedHandshake } from "./refusedHandshake.fixture.ts";

export const NOW_MS = 1_800_000_000_000;
export const IN_AN_HOUR = NOW_MS / 1000 + 3600;

/** A clock that stands until a test moves it; whoever waited is called in the order of their times. */
class TestClock {
  nowMs = NOW_MS;
  readonly #waiting = new Set<{ atMs: number; fn: () => void }>();

  readonly schedule = (delayMs: number, fn: () => void): (() => void) => {
    const entry = { atMs: this.nowMs + delayMs, fn };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  };

  moveTo(nowMs: number): void {
    for (;;) {
      const [next] = [...this.#waiting].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > nowMs) break;
      this.#waiting.delete(next);
      this.nowMs = next.atMs;
      next.fn();
    }
    this.nowMs = nowMs;
  }
}

export function keysOf(...pems: string[]) {
  const keys = publicKeysOf(pems.join(""));
  if ("fault" in keys) throw new Error(keys.fault);
  return keys;
}

export const tokenFor = (parts: Parameters<typeof makeToken>[0] = {}) =>
  makeToken({ expires: IN_AN_HOUR, ...parts });

/** The answer to a handshake that is refused: its status and code, and its whole text. */
export async function refusalOf(url: string, headers: Record<string, string> = {}) {
  const response = await refusedHandshake(url, headers);
  const text = await response.text();
  const { error } = JSON.parse(text) as { error: { code: string } };
  return { status: response.status, code: error.code, text };
}

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

export async function subscribed(client: RawClient, ...channels: string[]): Promise<unknown> {
  const answer = await client.ask({ type: "subscribe", id: Math.floor(Math.random() * 1e9), channels });
  if (answer.type !== "subscribed") return answer;
  return Object.fromEntries(answer.channels.map((each) => [each.channel, each.error?.code ?? "ok"]));
}

/** A gateway that asks for tokens, at the time of a clock. */
function authorizingGateway(
  verifierOptions: Partial<TokenVerifierOptions> = {},
  more: {
    readonly anonymousChannels?: readonly string[];
    readonly permits?: number;
    readonly history?: { readonly messagesMax: number };
  } = {},
) {
  const clock = new TestClock();
  const { anonymousChannels = [] } = more;
  const verifier = new TokenVerifier({
    secret: new TextEncoder().encode(SECRET),
    publicKeys: [],
    jwks: undefined,
    audience: undefined,
    issuer: undefined,
    leewaySeconds: 5,
    everybody: anonymousChannels,
    now: () => clock.nowMs,
    ...verifierOptions,
  });
  const access = new AccessControl({
    ...{ verifier, anonymousChannels, warningMs: 30_000, leewayMs: 5000 },
    now: () => clock.nowMs,
    schedule: clock.schedule,
  });
  const fixture = gatewayFixture({
    gateway: { access },
    permits: more.permits ?? 100,
    history: more.history ?? {},
  });
  return { ...fixture, clock, access, verifier };
}

/** Gateways that ask for tokens, and clients with one, closed when their test has ended. */
export function authorizing(closedLater: ReturnType<typeof closedAfterEach>) {
  return {
    start: (...options: Parameters<typeof authorizingGateway>) => closedLater(authorizingGateway(...options)),
    connect: async (url: string, token: string) =>
      closedLater(await RawClient.open(url, { headers: bearer(token) })),
  };
}
