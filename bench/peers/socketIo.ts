import { nodeProgram } from "../../test/services/node.ts";
import { startOwnServers } from "./ownServers.ts";
import type { Peer } from "./peer.ts";

export const socketIo: Peer = {
  name: "Socket.IO",
  wire: {
    path: "/socket.io/?EIO=4&transport=websocket",
    greet: [],
    // Its server has joined the client to the room by then.
    subscribed: "40{",
    answer(text) {
      if (text.startsWith("0{")) return "40";
      return text === "2" ? "3" : undefined;
    },
  },
  missing: () => (nodeProgram() === undefined ? "it runs under Node, which is not here" : undefined),
  start: (options) => startOwnServers(nodeProgram() ?? "node", "./socketIoServer.mjs", options),
};
