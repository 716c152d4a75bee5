import { createServer } from "node:net";

export interface WantedPort {
  /** The setting that a person would change. */
  readonly flag: "--port" | "--admin-port";
  readonly host: string;
  readonly port: number;
}

/**
 * Binds each port without `SO_REUSEPORT` and lets go of it: a second instance on the same port would otherwise start and
 * steal half of the first one's clients. Resolves with all that is wrong, so that it can be mended in one go, or undefined.
 * `command` shows how others are chosen, where that is not plain: flags are added to it.
 */
export async function portsProblem(
  wanted: readonly WantedPort[],
  command?: string,
): Promise<string | undefined> {
  const tried = await Promise.all(wanted.map(async (each) => ({ ...each, error: await probe(each) })));
  const taken = tried.filter(({ error }) => error?.code === "EADDRINUSE");
  const others = tried.flatMap(({ error, ...each }) =>
    error === undefined || error.code === "EADDRINUSE" ? [] : describe(each, error),
  );
  const problems = taken.length === 0 ? others : [describeTaken(taken, command), ...others];
  return problems.length === 0 ? undefined : problems.join(" And ");
}

function probe({ host, port }: WantedPort): Promise<NodeJS.ErrnoException | undefined> {
  if (port === 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function describeTaken(taken: readonly WantedPort[], command: string | undefined): string {
  const places = taken.map(({ host, port }) => `port ${port} on ${host}`).join(" and ");
  const flags = taken.map(({ flag }) => `another ${flag}`).join(" and ");
  const example = taken.map(({ flag, port }) => `${flag} ${another(port)}`).join(" ");
  const how = command === undefined ? "." : `: ${command} ${example}`;
  return `${places} ${taken.length === 1 ? "is" : "are"} taken: another program, or another Shardcast, listens there. End it or choose ${flags}${how}`;
}

function describe({ flag, host, port }: WantedPort, error: NodeJS.ErrnoException): string {
  if (error.code === "EACCES")
    return `port ${port} needs more rights than this user has: choose a ${flag} above 1023.`;
  return `port ${port} on ${host} can not be opened: ${error.message}`;
}

/** So far away that a public and an admin port beside each other stay so. */
function another(port: number): number {
  return port + 10 <= 65_535 ? port + 10 : port - 10;
}
