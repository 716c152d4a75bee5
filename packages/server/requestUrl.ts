/** Names, IPv4 and IPv6. A URL's host may hold quotes and semicolons, too, and `%22` becomes one: pages and their policy name it. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])$/;

/**
 * The URL of a request; undefined where its `Host` makes no address, or there are several: the transport hands on what the
 * client sent, and of several takes the first, where something before it may have taken the last.
 */
export function requestUrl(request: Request): URL | undefined {
  if (request.headers.get("host")?.includes(",") === true) return undefined;
  const url = URL.parse(request.url);
  return url !== null && HOST.test(url.hostname) ? url : undefined;
}
