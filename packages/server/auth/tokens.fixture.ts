import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";

export const SECRET = "a-shared-secret-of-more-than-32-bytes!";

/** Key pairs of each kind, made once for a test file. */
export const PAIRS = {
  RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519"),
} as const;

export function pemOf(key: KeyObject): string {
  return String(key.export({ type: key.type === "private" ? "pkcs8" : "spki", format: "pem" }));
}

export function jwkOf(key: KeyObject, more: Readonly<Record<string, unknown>>): object {
  return { ...key.export({ format: "jwk" }), ...more };
}

export interface TokenParts {
  readonly algorithm?: "HS256" | keyof typeof PAIRS;
  readonly key?: KeyObject | Uint8Array;
  readonly id?: string;
  readonly claims?: JWTPayload;
  /** In seconds since 1970; `never` leaves it out. */
  readonly expires?: number | "never";
}

/** A token that allows `a.*`, expires in an hour and is signed with HS256, unless told otherwise. */
export async function makeToken(parts: TokenParts = {}): Promise<string> {
  const { algorithm = "HS256", id, expires = Math.floor(Date.now() / 1000) + 3600 } = parts;
  const own = algorithm === "HS256" ? new TextEncoder().encode(SECRET) : PAIRS[algorithm].privateKey;
  const token = new SignJWT({ sub: "anna", channels: ["a.*"], ...parts.claims }).setProtectedHeader({
    alg: algorithm,
    ...(id !== undefined && { kid: id }),
  });
  if (expires !== "never") token.setExpirationTime(expires);
  return await token.sign(parts.key ?? own);
}
