/** Bytes of a channel name. Long enough for nested names, short enough that millions of them fit in memory. */
export const CHANNEL_BYTES_MAX = 255;

// Letters, digits and marks that need no escaping in JSON, URLs, NATS subjects or HTTP headers; segments are not
// empty, so `a..b` and a leading or trailing dot are no names.
const NAME = /^[\w:@$=+~-]+(?:\.[\w:@$=+~-]+)*$/;

export function isChannelName(name: string): boolean {
  return name.length <= CHANNEL_BYTES_MAX && NAME.test(name);
}

/** A pattern covers every channel that begins with what stands before its `*`: `BTC.*` covers `BTC.trade`. */
export function isChannelPattern(name: string): boolean {
  return name.endsWith(".*") && isChannelName(name.slice(0, -2));
}

/** The part of a pattern that a channel must begin with, its dot included: `BTC.` of `BTC.*`. */
export function patternPrefix(pattern: string): string {
  return pattern.slice(0, -1);
}

/** Whether every channel of `inner` (a name or a pattern) also belongs to the pattern `outer`. */
export function covers(outer: string, inner: string): boolean {
  return outer !== inner && outer.endsWith(".*") && inner.startsWith(patternPrefix(outer));
}

/** The patterns that cover a channel, broadest first: `a.*`, `a.b.*` of `a.b.c`. */
export function patternsOf(channel: string): string[] {
  const patterns: string[] = [];
  for (let dot = channel.indexOf("."); dot !== -1; dot = channel.indexOf(".", dot + 1)) {
    patterns.push(`${channel.slice(0, dot)}.*`);
  }
  return patterns;
}
