// `npm run compose:down -- [--delete]`: takes the cluster of docker-compose.horizontal.yml down, however many instances it has by now;
// Podman's compose takes only those that the file names. With --delete its data goes too.
import { findEngine } from "./compose/engine.ts";
import { scriptFlags } from "./scriptFlags.ts";

const { values } = scriptFlags("npm run compose:down -- [--delete]", {
  options: { delete: { type: "boolean", default: false } },
});
const engine = findEngine({ engineFlags: [], runFlags: [], signal: new AbortController().signal });
await engine.down("shardcast-horizontal", ["docker-compose.horizontal.yml"], ["nats"], values.delete);
