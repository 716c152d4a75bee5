import type { ConnectOptions, TokenSource } from "./options.ts";

type TokenFunction = Exclude<TokenSource, string>;

/** A function that never answers would hold the client for ever: it is given up in time, or when the client is closed. */
export async function askToken(
  token: TokenFunction,
  { connectTimeoutMs = 10_000 }: ConnectOptions,
  life: AbortSignal,
): Promise<string> {
  life.throwIfAborted();
  const abort = new AbortController();
  const { signal } = abort;
  const giveUp = () => abort.abort(new Error("no token in time"));
  const timer = setTimeout(giveUp, connectTimeoutMs);
  life.addEventListener("abort", giveUp);
  try {
    return await new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      Promise.resolve(token({ signal })).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    life.removeEventListener("abort", giveUp);
  }
}
