/**
 * The URL of a request; undefined where its `Host` makes no address, or there are several: the transport hands on what the
 * client sent, and of several takes the first, where something before it may have taken the last.
 */
export function requestUrl(request: Request): URL | undefined {
  if (request.headers.get("host")?.includes(",") === true) return undefined;
  return URL.parse(request.url) ?? undefined;
}
