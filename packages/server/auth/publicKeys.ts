import { createPublicKey, type KeyObject } from "node:crypto";

export type AsymmetricAlgorithm = "RS256" | "ES256" | "EdDSA";

/** A key and the one algorithm that it verifies. Who signs chooses neither: that is what key confusion lives on. */
export interface PublicKey {
  readonly algorithm: AsymmetricAlgorithm;
  readonly key: KeyObject;
  readonly id: string | undefined;
}

const PEM_BLOCK = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g;
/** What RFC 7518 demands of RS256. */
const RSA_BITS_MIN = 2048;

/** The public keys of a PEM file, or what is wrong with it. */
export function publicKeysOf(pem: string): readonly PublicKey[] | { readonly fault: string } {
  const blocks = [...pem.matchAll(PEM_BLOCK)];
  if (blocks.length === 0) return { fault: "it holds no PEM block" };
  const keys: PublicKey[] = [];
  for (const [text, label = ""] of blocks) {
    // It would work as well, and lie on every gateway where only the issuer should have it.
    if (label.includes("PRIVATE"))
      return { fault: "it holds a private key, and only the public one belongs here" };
    const key = publicKeyOf(() => createPublicKey(text));
    if (key === undefined)
      return { fault: "it holds a key that is neither RSA of 2048 bits, P-256 nor Ed25519" };
    keys.push(key);
  }
  return keys;
}

/** A key of a key set; undefined where it is not one that verifies a token here. A shared secret never is. */
export function publicKeyOfJwk(jwk: Readonly<Record<string, unknown>>): PublicKey | undefined {
  const { kty, use, kid, alg } = jwk;
  if (kty === "oct" || (use !== undefined && use !== "sig")) return undefined;
  const found = publicKeyOf(() => createPublicKey({ format: "jwk", key: jwk }), kid);
  const isMeant =
    alg === undefined || alg === found?.algorithm || (alg === "Ed25519" && found?.algorithm === "EdDSA");
  return isMeant ? found : undefined;
}

function publicKeyOf(make: () => KeyObject, id?: unknown): PublicKey | undefined {
  let key: KeyObject;
  try {
    key = make();
  } catch {
    // What can not be read is no key; the callers say so.
    return undefined;
  }
  const algorithm = algorithmOf(key);
  return algorithm && { algorithm, key, id: typeof id === "string" ? id : undefined };
}

function algorithmOf({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): AsymmetricAlgorithm | undefined {
  if (asymmetricKeyType === "ed25519") return "EdDSA";
  if (asymmetricKeyType === "rsa")
    return (asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_MIN ? "RS256" : undefined;
  const isP256 =
    asymmetricKeyDetails?.namedCurve === "prime256v1" || asymmetricKeyDetails?.namedCurve === "P-256";
  return asymmetricKeyType === "ec" && isP256 ? "ES256" : undefined;
}
