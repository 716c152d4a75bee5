import { connect } from "node:net";
import { CommandFailure } from "../command.ts";
import { connectFault } from "../unreachable.ts";

const ANSWER_TIMEOUT_MS = 5_000;

/** Addresses of one kind, and the flag that names them. */
export interface Listeners {
  readonly flag: "--urls" | "--admins";
  readonly urls: readonly string[];
}

/**
 * Rejects where nothing listens at any of the addresses: a run would wait for clients that cannot come. One that
 * listens is enough, because a run may be about instances that are away.
 */
export async function requireListeners(all: readonly Listeners[], signal: AbortSignal): Promise<void> {
  for (const { flag, urls } of all) {
    const faults = await Promise.all(urls.map((url) => faultAt(new URL(url), signal)));
    const [first] = faults;
    if (signal.aborted) throw signal.reason;
    if (first === undefined || faults.includes(undefined)) continue;
    const others = faults.length === 1 ? "" : `, nor at the other ${faults.length - 1} of ${flag}`;
    const port = flag === "--urls" ? "public port, 3000 by default" : "admin port, 3001 by default";
    throw new CommandFailure(`no server at ${urls[0]}${others}: ${first}`, {
      advice: `Is \`shardcast serve\` running there? ${flag} names its ${port}.`,
    });
  }
}

function faultAt(url: URL, signal: AbortSignal): Promise<string | undefined> {
  const isSecure = url.protocol === "wss:" || url.protocol === "https:";
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port });
    const settle = (fault: string | undefined) => {
      socket.destroy();
      resolve(fault);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => settle("no answer in time"));
    socket.once("connect", () => settle(undefined));
    socket.once("error", (error) => settle(connectFault(url, error)));
    signal.addEventListener("abort", () => settle("ended"), { once: true });
  });
}
