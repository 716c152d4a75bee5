import { CommandFailure } from "./command.ts";
import { Interrupted } from "./interrupted.ts";

/** What to tell when an admin port could not be asked, by the error that `fetch` rejected with. */
export function unreachable(url: URL, cause: unknown): Error {
  if (cause instanceof Interrupted) return cause;
  const advice = "Is `shardcast serve` running there? --url names its admin port.";
  return new CommandFailure(`${url.origin} does not answer: ${connectFault(url, cause)}`, { advice, cause });
}

/** Why there is no connection, in words about the address. */
export function connectFault({ protocol, hostname, port }: URL, error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  const isSecure = protocol === "https:" || protocol === "wss:";
  const portOr = port === "" ? (isSecure ? "443" : "80") : port;
  switch (code) {
    case "ECONNREFUSED":
    case "ConnectionRefused":
      return `nothing listens on port ${portOr} of ${hostname}`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `there is no host ${hostname}`;
    case "EPROTO":
      return `no TLS on port ${portOr} of ${hostname}: is it ${isSecure ? protocol.replace("s:", ":") : protocol}// there?`;
  }
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in time";
  return error instanceof Error ? error.message : String(error);
}
