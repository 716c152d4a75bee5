import { startOwnServers } from "./ownServers.ts";
import type { Peer } from "./peer.ts";

export const floor: Peer = {
  name: "floor (Bun)",
  wire: {
    path: "/ws",
    greet: ['{"type":"subscribe","id":1,"channels":["all"]}'],
    subscribed: '{"type":"subscribed"',
    answer: () => undefined,
  },
  missing: () => undefined,
  start: (options) => startOwnServers(process.execPath, "./floorServer.ts", options),
};
