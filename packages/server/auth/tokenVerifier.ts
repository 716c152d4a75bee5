import { isChannelName, isChannelPattern } from "@shardcast/protocol/channel";
import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import { Grant } from "./grant.ts";
import type { Jwks } from "./jwks.ts";
import type { AsymmetricAlgorithm, PublicKey } from "./publicKeys.ts";
import { TOKEN_CHARACTERS_MAX } from "./tokenOf.ts";

export interface TokenVerifierOptions {
  /** For HS256 alone. */
  readonly secret: Uint8Array | undefined;
  readonly publicKeys: readonly PublicKey[];
  readonly jwks: Jwks | undefined;
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
  readonly leewaySeconds: number;
  /** Names that every client has, whatever its token says. */
  readonly everybody: readonly string[];
  /** Wall clock in ms since 1970. */
  readonly now: () => number;
}

export type TokenFaultCode = "token_invalid" | "token_expired" | "auth_unavailable";

/** Why a token was not believed. The text never holds any of it. */
export interface TokenFault {
  readonly code: TokenFaultCode;
  readonly message: string;
}

/** Checks under way at once: beyond it somebody floods this shard, or the key set does not answer. */
const CHECKS_MAX = 1024;
const CHANNELS_MAX = 1000;
/** Decoders pass over blanks and more, so that one token could be written in many ways. RFC 7515 knows one. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const NO_JWT = "it is no JWT, or its signature is wrong";

export class TokenVerifier {
  readonly results = { accepted: 0, token_invalid: 0, token_expired: 0, auth_unavailable: 0 };
  readonly #options: TokenVerifierOptions;
  readonly #algorithms: readonly string[];
  #running = 0;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    const { secret, publicKeys, jwks } = options;
    const asymmetric = jwks === undefined ? publicKeys.map((key) => key.algorithm) : ASYMMETRIC;
    this.#algorithms = [...(secret === undefined ? [] : ["HS256"]), ...asymmetric];
  }

  async verify(token: string): Promise<Grant | TokenFault> {
    const found = await this.#verify(token);
    this.results[found instanceof Grant ? "accepted" : found.code] += 1;
    return found;
  }

  async #verify(token: string): Promise<Grant | TokenFault> {
    if (token.length > TOKEN_CHARACTERS_MAX)
      return invalid(`it is longer than ${TOKEN_CHARACTERS_MAX} characters`);
    if (!COMPACT.test(token)) return invalid(NO_JWT);
    if (this.#running >= CHECKS_MAX) return UNAVAILABLE;
    this.#running += 1;
    try {
      const { audience, issuer, leewaySeconds, now } = this.#options;
      const { payload } = await jwtVerify(token, (header) => this.#key(header), {
        algorithms: [...this.#algorithms],
        clockTolerance: leewaySeconds,
        currentDate: new Date(now()),
        // A token that never ends could never be taken back.
        requiredClaims: ["exp"],
        ...(audience !== undefined && { audience }),
        ...(issuer !== undefined && { issuer }),
      });
      return this.#grant(payload);
    } catch (error) {
      return faultOf(error);
    } finally {
      this.#running -= 1;
    }
  }

  /** The key follows from the algorithm that the token names and never the other way round. */
  async #key(header: JWTHeaderParameters): Promise<Uint8Array | PublicKey["key"]> {
    const { secret, publicKeys, jwks } = this.#options;
    const { alg, kid } = header;
    if (alg === "HS256" && secret !== undefined) return secret;
    if (!isAsymmetric(alg)) throw new errors.JOSEAlgNotAllowed("not allowed");
    const own = publicKeys.find((each) => each.algorithm === alg);
    const found = await jwks?.find(alg, kid);
    const key = found === "away" ? own : (found ?? own);
    if (key === undefined && found === "away") throw new KeysAwayError();
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key.key;
  }

  #grant({ sub, exp, channels }: JWTPayload): Grant | TokenFault {
    const { everybody } = this.#options;
    if (channels !== undefined && !isChannelList(channels)) {
      return invalid(`its \`channels\` must be a list of at most ${CHANNELS_MAX} channels, patterns or *`);
    }
    const names = [...everybody, ...(channels ?? [])];
    return new Grant(names, sub, exp === undefined ? undefined : exp * 1000);
  }
}

const ASYMMETRIC: readonly AsymmetricAlgorithm[] = ["RS256", "ES256", "EdDSA"];

function isAsymmetric(algorithm: string | undefined): algorithm is AsymmetricAlgorithm {
  return ASYMMETRIC.some((each) => each === algorithm);
}

function isChannelList(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > CHANNELS_MAX) return false;
  return value.every(
    (name) => typeof name === "string" && (name === "*" || isChannelName(name) || isChannelPattern(name)),
  );
}

class KeysAwayError extends Error {
  override readonly name = "KeysAwayError";
}

const UNAVAILABLE: TokenFault = {
  code: "auth_unavailable",
  message: "tokens can not be checked at the moment: try again",
};

function invalid(why: string): TokenFault {
  return { code: "token_invalid", message: `the token is not accepted: ${why}` };
}

/** In our own words, because a library's may quote what it was given. */
function faultOf(error: unknown): TokenFault {
  if (error instanceof KeysAwayError) return UNAVAILABLE;
  if (error instanceof errors.JWTExpired)
    return { code: "token_expired", message: "the token has expired: get a new one" };
  if (error instanceof errors.JWTClaimValidationFailed) {
    const isKnown = ["aud", "iss", "exp", "nbf", "iat"].includes(error.claim);
    return invalid(
      isKnown ? `its \`${error.claim}\` is missing or not the right one` : "one of its claims is wrong",
    );
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return invalid("its algorithm is not one that is set up here");
  if (error instanceof errors.JWKSNoMatchingKey) return invalid("no key is known for it");
  if (error instanceof errors.JOSEError) return invalid(NO_JWT);
  // A key that does not fit its algorithm and the like: for the client it is the same, and the counter tells.
  return invalid("it can not be checked");
}
