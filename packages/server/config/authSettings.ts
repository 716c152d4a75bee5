import { fileContents, integer, list, text } from "./kinds.ts";
import type { Setting } from "./setting.ts";

const GRANTED = /^(?:\*|(?=.{1,255}$)[A-Za-z0-9_:@$=+~-]+(?:\.[A-Za-z0-9_:@$=+~-]+)*(?:\.\*)?)$/;
/** A key set that somebody on the way could replace would let anybody in. */
const KEY_SET_URL = /^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[:/])[^\s@]+$/;

/** Whose tokens are believed, and who needs none. */
export const AUTH_SETTINGS = {
  jwtSecret: {
    name: "jwt-secret",
    kind: text("a secret of 32 to 1000 characters", /^[^\r\n]{32,1000}$/, "<secret>"),
    group: "auth",
    doc: "Secret of tokens that are signed with HS256. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
  },
  jwtPublicKey: {
    name: "jwt-public-key",
    kind: fileContents(),
    group: "auth",
    doc: "PEM file with the public key (RSA: RS256, P-256: ES256, Ed25519: EdDSA) of who signs the tokens; one of each type at most.",
  },
  jwtJwksUrl: {
    name: "jwt-jwks-url",
    kind: text("an https:// URL (http:// only of this machine)", KEY_SET_URL, "<url>"),
    group: "auth",
    doc: "Where the public keys of who signs the tokens are found (a JWKS).",
  },
  jwtJwksCacheSeconds: {
    name: "jwt-jwks-cache-seconds",
    kind: integer(10, 86_400),
    group: "auth",
    doc: "The key set is fetched anew this often, so that a key that was withdrawn is believed no longer.",
    default: 300,
  },
  jwtJwksStaleSeconds: {
    name: "jwt-jwks-stale-seconds",
    kind: integer(10, 7 * 86_400),
    group: "auth",
    doc: "Keys that can not be fetched anew are believed up to this age. Beyond it tokens are refused with 503.",
    default: 3600,
  },
  jwtAudience: {
    name: "jwt-audience",
    kind: text("a text", /^[^\r\n]{1,1000}$/, "<audience>"),
    group: "auth",
    doc: "What `aud` of a token must name.",
  },
  jwtIssuer: {
    name: "jwt-issuer",
    kind: text("a text", /^[^\r\n]{1,1000}$/, "<issuer>"),
    group: "auth",
    doc: "What `iss` of a token must be.",
  },
  jwtLeewaySeconds: {
    name: "jwt-leeway-seconds",
    kind: integer(0, 300),
    group: "auth",
    doc: "How far the clocks of issuer and server may differ.",
    default: 5,
  },
  tokenWarningSeconds: {
    name: "token-warning-seconds",
    kind: integer(0, 3600),
    group: "auth",
    doc: "How long before its token expires a client is told, so that it can send a new one.",
    default: 30,
  },
  anonymousChannels: {
    name: "anonymous-channels",
    kind: list("`*`, channels, or patterns such as news.*", GRANTED, "<channel,…>", 1024),
    group: "auth",
    doc: "What clients without a token may subscribe to; clients with one may, too.",
    derived: "`*` where no key for tokens is set up, otherwise nothing: a token is required",
  },
} as const satisfies Record<string, Setting>;
