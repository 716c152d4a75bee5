// A process of clients, which `ClientProcess` starts.
import { Clients } from "./clients.ts";
import { PEERS } from "./list.ts";

const [name = "", ports = "[]", count = "0", sourceAddresses = "[]"] = process.argv.slice(2);
const peer = PEERS.find((candidate) => candidate.name === name);
if (peer === undefined) throw new Error(`no such peer: ${name}`);
const clients = new Clients(peer.wire, JSON.parse(ports), Number(count), JSON.parse(sourceAddresses));
process.once("disconnect", () => process.exit(0));
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ ...clients.take(), cpuUs: user + system });
});
await clients.ready;
process.send?.({ ready: true });
