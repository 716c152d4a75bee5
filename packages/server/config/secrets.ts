export const HIDDEN = "(secret)";

/** Hides what stands between `//` and the last `@` of a URL: user and password. Works on what is no valid URL too. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/.*@/s, `//${HIDDEN}@`);
}
