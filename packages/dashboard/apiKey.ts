const NAME = "shardcast.apiKey";

/** The operator's key; it stays in this tab, and goes with it. */
export function apiKey(): string | undefined {
  return sessionStorage.getItem(NAME) ?? undefined;
}

export function keepApiKey(key: string | undefined): void {
  if (key === undefined) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, key);
}
