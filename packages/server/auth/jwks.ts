import type { AsymmetricAlgorithm, PublicKey } from "./publicKeys.ts";
import { publicKeyOfJwk } from "./publicKeys.ts";

export interface JwksOptions {
  readonly url: string;
  /** Keys are fetched anew at this age, so that a key that was withdrawn is not believed for longer. */
  readonly cacheMs: number;
  /** Keys that can not be fetched anew are believed up to this age, and no longer. */
  readonly staleMs: number;
  /** A clock that nobody can set back, in ms. */
  readonly now: () => number;
  readonly schedule: (delayMs: number, fn: () => void) => () => void;
  /** Told once for each row of failures, with nothing secret in it. */
  readonly onFailure: (why: string) => void;
}

/** An unknown key id makes the set be fetched at most this often: anybody can invent ids. */
const UNKNOWN_KEY_FETCH_MS = 10_000;
const RETRY_MS = { min: 1000, max: 30_000 };
const FETCH_MS_MAX = 5000;
const BODY_BYTES_MAX = 256 * 1024;
const KEYS_MAX = 100;
/** Of those whose key is not known. An issuer that hangs must not let them take all checks from those whose key is. */
const WAITING_MAX = 512;

/** `away`: there are no keys (any more) that may be believed. */
export type JwksState = "fresh" | "stale" | "away";

/** The keys behind a URL: fetched ahead of their age, so that no handshake waits for them but one with an unknown key. */
export class Jwks {
  readonly counters = { fetched: 0, failed: 0, unknownKeys: 0 };
  readonly #options: JwksOptions;
  #keys: readonly PublicKey[] = [];
  #fetchedMs: number | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #running: Promise<void> | undefined;
  #waiting = 0;
  #cancel: () => void = () => {};
  #closed = false;
  readonly #abort = new AbortController();

  constructor(options: JwksOptions) {
    this.#options = options;
  }

  /** Resolves after the first attempt, whether it succeeded or not. */
  begin(): Promise<void> {
    return this.#fetch();
  }

  get ageMs(): number {
    return this.#fetchedMs === undefined ? Number.POSITIVE_INFINITY : this.#options.now() - this.#fetchedMs;
  }

  get state(): JwksState {
    if (this.ageMs > this.#options.staleMs) return "away";
    return this.#failures === 0 ? "fresh" : "stale";
  }

  /** Undefined: no such key. `away`: nobody can say, or too many are asking. */
  async find(
    algorithm: AsymmetricAlgorithm,
    id: string | undefined,
  ): Promise<PublicKey | "away" | undefined> {
    const known = this.#lookUp(algorithm, id);
    if (known !== undefined) return known;
    this.counters.unknownKeys += 1;
    const isDue = this.#options.now() - this.#askedMs >= UNKNOWN_KEY_FETCH_MS;
    if (isDue || this.#running !== undefined) {
      if (this.#waiting >= WAITING_MAX) return "away";
      this.#waiting += 1;
      await this.#fetch().finally(() => {
        this.#waiting -= 1;
      });
    }
    return this.#lookUp(algorithm, id) ?? (this.state === "away" ? "away" : undefined);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#abort.abort();
  }

  #lookUp(algorithm: AsymmetricAlgorithm, id: string | undefined): PublicKey | undefined {
    if (this.state === "away") return undefined;
    const fitting = this.#keys.filter(
      (key) => key.algorithm === algorithm && (id === undefined || key.id === id),
    );
    // Without an id only a single key can be meant.
    return fitting.length === 1 ? fitting[0] : undefined;
  }

  /** One at a time: whoever asks meanwhile waits for the same. */
  #fetch(): Promise<void> {
    this.#running ??= this.#fetchOnce().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #fetchOnce(): Promise<void> {
    if (this.#closed) return;
    this.#cancel();
    this.#askedMs = this.#options.now();
    try {
      this.#keys = await this.#load();
      this.#fetchedMs = this.#options.now();
      this.#failures = 0;
      this.counters.fetched += 1;
      this.#plan(this.#options.cacheMs);
    } catch (error) {
      if (this.#closed) return;
      this.counters.failed += 1;
      if (this.#failures++ === 0) this.#options.onFailure(whyOf(error));
      const ceilingMs = Math.min(RETRY_MS.max, RETRY_MS.min * 2 ** (this.#failures - 1));
      this.#plan(ceilingMs / 2 + (Math.random() * ceilingMs) / 2);
    }
  }

  #plan(delayMs: number): void {
    if (!this.#closed) this.#cancel = this.#options.schedule(delayMs, () => void this.#fetch());
  }

  async #load(): Promise<readonly PublicKey[]> {
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(FETCH_MS_MAX)]);
    // A redirect could lead to whoever can write one there.
    const response = await fetch(this.#options.url, { signal, redirect: "error" });
    if (!response.ok) throw new KeySetError(`the key set was answered with ${response.status}`);
    const text = await textOf(response);
    let set: unknown;
    try {
      set = JSON.parse(text);
    } catch {
      throw new KeySetError("the key set is not JSON");
    }
    const list = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
    if (!Array.isArray(list)) throw new KeySetError("the key set has no `keys`");
    const keys = list.slice(0, KEYS_MAX).flatMap((jwk) => (isObject(jwk) ? (publicKeyOfJwk(jwk) ?? []) : []));
    if (keys.length === 0) throw new KeySetError("the key set holds no key that can be used here");
    return keys;
  }
}

/** What an issuer's answer lacks, in our own words. */
class KeySetError extends Error {
  override readonly name = "KeySetError";
}

/** The runtime's own words hold the whole URL where it was redirected, and a URL may hold a secret. */
function whyOf(error: unknown): string {
  if (error instanceof KeySetError) return error.message;
  const { code, name }: { code?: unknown; name: string } = error instanceof Error ? error : new Error();
  return `the key set was not answered (${typeof code === "string" ? code : name})`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** What does not end is not read to its end. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BODY_BYTES_MAX)
      throw new KeySetError(`the key set is larger than ${BODY_BYTES_MAX} bytes`);
  }
  return text;
}
