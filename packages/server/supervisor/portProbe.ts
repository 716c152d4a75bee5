import { createServer } from "node:net";

/** The setting that a person would change. */
export type PortFlag = "--port" | "--admin-port";

/**
 * Binds the port without `SO_REUSEPORT` and lets go of it: a second instance on the same port would otherwise start and
 * steal half of the first one's clients. Resolves with what is wrong, or undefined.
 */
export function probePort(flag: PortFlag, host: string, port: number): Promise<string | undefined> {
  if (port === 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(describe(flag, host, port, error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function describe(flag: PortFlag, host: string, port: number, error: NodeJS.ErrnoException): string {
  if (error.code === "EADDRINUSE") {
    return `port ${port} on ${host} is taken: another program, or another Shardcast, listens there. End it or choose another ${flag}.`;
  }
  if (error.code === "EACCES")
    return `port ${port} needs more rights than this user has: choose a ${flag} above 1023.`;
  return `port ${port} on ${host} can not be opened: ${error.message}`;
}
