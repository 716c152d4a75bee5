import { buildBundle } from "../../test/bundle.fixture.ts";
import { startInstance } from "../../test/instance.fixture.ts";
import type { Peer } from "./peer.ts";
import { post } from "./serverProcess.ts";

export const shardcast: Peer = {
  name: "Shardcast",
  wire: {
    path: "/ws",
    greet: ['{"type":"subscribe","id":1,"channels":["all"]}'],
    subscribed: '{"type":"subscribed"',
    answer: () => undefined,
  },
  missing: () => undefined,
  async start({ instances, redis, clients }) {
    const room = `${clients + 100}`;
    const flags = ["--shards", "1", "--max-connections", room, "--max-accepts-per-second", room];
    flags.push("--log-level", "warn");
    const bus = redis === undefined ? [] : ["--bus", redis.url];
    const bundle = await buildBundle();
    const started = await Promise.all(
      Array.from({ length: instances }, (_, at) =>
        startInstance([...flags, ...bus, "--instance", `peer-${at}`], { bundle: bundle.directory }),
      ),
    );
    const shards = await Promise.all(started.map((instance) => instance.shardPids()));
    return {
      ports: started.map(({ url }) => Number(new URL(url).port)),
      pids: [...started.map(({ pid }) => pid), ...shards.flat()],
      async publish(payloads) {
        const items = payloads.map((data) => `{"channel":"all","data":${data}}`);
        await post(`${started[0]?.admin}/api/publish`, `[${items.join(",")}]`);
      },
      async stop() {
        await Promise.all(started.map((instance) => instance.end()));
        bundle.remove();
      },
    };
  },
};
