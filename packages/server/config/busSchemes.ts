/** What `--bus` can name. A driver adds its scheme here, and its constructor where the process is composed. */
export const BUS_SCHEMES: Readonly<Record<string, BusScheme>> = {
  "local:": {
    example: "local:",
    check: (url) => (url === "local:" ? undefined : "`local:` takes nothing after it"),
  },
};

interface BusScheme {
  readonly example: string;
  /** Says what is wrong with a URL of this scheme. */
  readonly check: (url: string) => string | undefined;
}

export function busUrlFault(url: string): string | undefined {
  const scheme = /^[a-z][a-z0-9+.-]*:/.exec(url)?.[0];
  const supported = Object.values(BUS_SCHEMES)
    .map((known) => known.example)
    .join(", ");
  if (scheme === undefined) return `it has no scheme; supported: ${supported}`;
  const known = Object.hasOwn(BUS_SCHEMES, scheme) ? BUS_SCHEMES[scheme] : undefined;
  return known === undefined ? `\`${scheme}\` is not supported; supported: ${supported}` : known.check(url);
}

/** Whether a bus carries messages between instances. */
export function isSharedBus(url: string): boolean {
  return !url.startsWith("local:");
}
