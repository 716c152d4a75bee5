import { nodeProgram } from "../../test/services/node.ts";
import { startOwnServers } from "./ownServers.ts";
import type { Peer } from "./peer.ts";

export const ws: Peer = {
  name: "ws",
  wire: { path: "/", greet: [], subscribed: undefined, answer: () => undefined },
  missing: () => (nodeProgram() === undefined ? "it runs under Node, which is not here" : undefined),
  start: (options) => startOwnServers(nodeProgram() ?? "node", "./wsServer.mjs", options),
};
