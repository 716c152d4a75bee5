import { publicKeysOf } from "../auth/publicKeys.ts";
import type { Found } from "./found.ts";
import { isLoopback } from "./loopback.ts";
import { isGiven, type Problem, problemAt } from "./problem.ts";
import type { GivenValues } from "./resolveValues.ts";

/** Those without a default: a file that says all settings, as `check-config` prints it, must hold. */
const CHECKS_OF_TOKENS = ["jwtAudience", "jwtIssuer"] as const;
const KEYS = ["jwtSecret", "jwtPublicKey", "jwtJwksUrl"] as const;

export function halfOfAnIdentity({ values: { tlsCert, tlsKey }, origins }: Found): Problem[] {
  if ((tlsCert === undefined) === (tlsKey === undefined)) return [];
  const [given, other] = tlsCert === undefined ? ["tlsKey" as const, "cert"] : ["tlsCert" as const, "key"];
  return [problemAt(origins[given], `needs its ${other}`, `Set --tls-${other} too, or leave it out.`)];
}

/** Who reaches an admin port without keys can publish and see everything. */
export function adminBeyondThisMachine({ values, origins }: Found): Problem[] {
  const { adminHost, apiKeysFile, adminInsecure } = values;
  if (isLoopback(adminHost) || apiKeysFile !== undefined || adminInsecure) return [];
  const message = `${adminHost} can be reached by others, and nothing asks them who they are`;
  const advice = "Set --api-keys-file, or say --admin-insecure where something in front of it does.";
  return [problemAt(origins.adminHost, message, advice)];
}

export function authContradictions({ values, origins, refused }: Found): Problem[] {
  if (KEYS.some((key) => refused.has(key))) return [];
  const hasKey = KEYS.some((key) => values[key] !== undefined);
  const useless = CHECKS_OF_TOKENS.filter((key) => !hasKey && isGiven(origins[key]));
  const advice = "Set --jwt-secret-file, --jwt-public-key or --jwt-jwks-url too, or leave it out.";
  return [
    ...useless.map((key) => problemAt(origins[key], "has no effect", advice)),
    ...publicKeyProblems(values, origins),
    ...staleBeforeFetched(values, origins),
  ];
}

function publicKeyProblems({ jwtPublicKey }: GivenValues, origins: Found["origins"]): Problem[] {
  if (jwtPublicKey === undefined) return [];
  const advice = "Name a PEM file with public keys: RSA of 2048 bits or more, P-256 or Ed25519.";
  const keys = publicKeysOf(jwtPublicKey);
  if ("fault" in keys) return [problemAt(origins.jwtPublicKey, `will not do: ${keys.fault}`, advice)];
  if (new Set(keys.map((key) => key.algorithm)).size === keys.length) return [];
  const message = "holds two keys of one type, and tokens do not tell which of them is meant";
  return [
    problemAt(origins.jwtPublicKey, message, "Keep one of each, or use --jwt-jwks-url, where keys have ids."),
  ];
}

function staleBeforeFetched(values: GivenValues, origins: Found["origins"]): Problem[] {
  if (values.jwtJwksUrl === undefined || values.jwtJwksStaleSeconds > values.jwtJwksCacheSeconds) return [];
  const origin = isGiven(origins.jwtJwksStaleSeconds)
    ? origins.jwtJwksStaleSeconds
    : origins.jwtJwksCacheSeconds;
  const message = "keys would be given up before they are fetched anew";
  return [
    problemAt(origin, message, "Let --jwt-jwks-stale-seconds be greater than --jwt-jwks-cache-seconds."),
  ];
}
