import { centrifugo } from "./centrifugo.ts";
import { floor } from "./floor.ts";
import { nchan } from "./nchan.ts";
import type { Peer } from "./peer.ts";
import { shardcast } from "./shardcast.ts";
import { socketIo } from "./socketIo.ts";
import { ws } from "./ws.ts";

export const PEERS: readonly Peer[] = [floor, shardcast, ws, socketIo, centrifugo, nchan];
