import { startOwnServers } from "./ownServers.ts";
import type { Peer } from "./peer.ts";
import { shardcast } from "./shardcast.ts";

export const floor: Peer = {
  name: "floor (Bun)",
  // It speaks as Shardcast does, and its frames are as long.
  wire: shardcast.wire,
  missing: () => undefined,
  start: (options) => startOwnServers(process.execPath, "./floorServer.ts", options),
};
