import { createHash, timingSafeEqual } from "node:crypto";

export const SCOPES = ["publish", "read", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

interface ApiKey {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly hash: Buffer;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const KEY = /^[!-~]{16,512}$/;
const KEYS_MAX = 1000;

/** The keys of a file: a line each, `name:scope,scope:key`. Empty lines and those that begin with # say nothing. */
export class ApiKeys {
  readonly #keys: readonly ApiKey[];

  private constructor(keys: readonly ApiKey[]) {
    this.#keys = keys;
  }

  /** Faults name the line and never what it holds. */
  static parse(text: string): ApiKeys | { readonly fault: string } {
    const keys: ApiKey[] = [];
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === "" || line.startsWith("#")) continue;
      const key = parseLine(line.trim());
      if (typeof key === "string") return { fault: `line ${index + 1}: ${key}` };
      if (keys.some(({ name }) => name === key.name))
        return { fault: `line ${index + 1}: its name is there already` };
      if (keys.some(({ hash }) => hash.equals(key.hash)))
        return {
          fault: `line ${index + 1}: its key is there already, and only one name's scopes could hold`,
        };
      keys.push(key);
    }
    if (keys.length === 0) return { fault: "it holds no key" };
    if (keys.length > KEYS_MAX) return { fault: `it holds more than ${KEYS_MAX} keys` };
    return new ApiKeys(keys);
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Takes as long for every key, known or not: hashes have one length, and all of them are compared. */
  find(presented: string): { readonly name: string; readonly scopes: ReadonlySet<Scope> } | undefined {
    const hash = hashOf(presented);
    let found: ApiKey | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key;
    return found;
  }
}

function parseLine(line: string): ApiKey | string {
  const [, name = "", list = "", key = ""] = /^([^:]*):([^:]*):(.*)$/.exec(line) ?? [];
  if (!NAME.test(name)) return "expected name:scope,scope:key, the name of letters, digits, dots, _ and -";
  const scopes = list.split(",").map((scope) => scope.trim());
  if (!scopes.every(isScope)) return `the scopes must be among ${SCOPES.join(", ")}`;
  if (!KEY.test(key)) return "the key must be 16 to 512 printable characters without spaces";
  return { name, scopes: new Set(scopes), hash: hashOf(key) };
}

function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

/** Keys are long and random, so that a plain hash hides them; it is here to compare all in one time. */
function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
