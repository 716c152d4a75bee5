import type { Config } from "../config/shape.ts";
import { AccessControl } from "./access.ts";
import { Jwks } from "./jwks.ts";
import { publicKeysOf } from "./publicKeys.ts";
import { TokenVerifier } from "./tokenVerifier.ts";

export interface Authentication {
  readonly access: AccessControl;
  readonly verifier: TokenVerifier | undefined;
  readonly jwks: Jwks | undefined;
}

/** What checks the clients of one shard, as the configuration has it. */
export function openAuthentication(config: Config["auth"], onFailure: (why: string) => void): Authentication {
  const { tokens, anonymousChannels, warningMs } = config;
  const jwks =
    tokens?.jwksUrl === undefined
      ? undefined
      : new Jwks({
          url: tokens.jwksUrl,
          cacheMs: tokens.jwksCacheMs,
          staleMs: tokens.jwksStaleMs,
          now: () => performance.now(),
          schedule,
          onFailure,
        });
  const verifier =
    tokens === undefined
      ? undefined
      : new TokenVerifier({
          secret: tokens.secret === undefined ? undefined : new TextEncoder().encode(tokens.secret),
          publicKeys: keysOf(tokens.publicKey),
          jwks,
          audience: tokens.audience,
          issuer: tokens.issuer,
          leewaySeconds: tokens.leewaySeconds,
          everybody: anonymousChannels,
          now: Date.now,
        });
  const leewayMs = (tokens?.leewaySeconds ?? 0) * 1000;
  const access = new AccessControl({
    ...{ verifier, anonymousChannels, warningMs, leewayMs },
    now: Date.now,
    schedule,
  });
  return { access, verifier, jwks };
}

function schedule(delayMs: number, fn: () => void): () => void {
  const timer = setTimeout(fn, delayMs);
  return () => clearTimeout(timer);
}

function keysOf(pem: string | undefined) {
  if (pem === undefined) return [];
  const keys = publicKeysOf(pem);
  // The configuration was checked with the same function.
  if ("fault" in keys) throw new Error(keys.fault);
  return keys;
}
