import { createServer } from "node:net";

/**
 * Below what systems give to connections and to who asks for any port (Linux from 32768 on, others from 49152): a port
 * from there, once let go of, may be somebody else's by the time that a server is started, or started again, on it.
 */
const RANGE = { first: 15_000, last: 32_767 };

let next = RANGE.first + Math.floor(Math.random() * (RANGE.last - RANGE.first));

/** Ports that nobody listens at, all different, and of which this process gives none out again for a long time. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tried = RANGE.first; ports.length < count; tried++) {
    if (tried > RANGE.last)
      throw new Error(`no ${count} ports are free from ${RANGE.first} to ${RANGE.last}`);
    next = next === RANGE.last ? RANGE.first : next + 1;
    const port = next;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    // Everywhere, as most servers listen: one on any single address is in the way of that.
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
