/** A local bus's server in a process of its own, so that tests can stop and kill it. Ends when its stdin does. */
import { LocalBusServer } from "./localServer.ts";

const path = process.argv[2];
if (path === undefined) throw new Error("the path of the socket is missing");
const server = new LocalBusServer({ path });
process.stdout.write("ready\n");
for await (const _chunk of process.stdin) {
  // Nothing is ever written; only the end counts.
}
await server.close();
