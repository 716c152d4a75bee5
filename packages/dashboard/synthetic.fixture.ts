import { startAdminServer } from "@shardcast/server/admin/adminServer";
import { Pages } from "@shardcast/server/admin/pages";
import { AdminGuard } from "@shardcast/server/auth/adminGuard";
import { type SyntheticOptions, syntheticOverview } from "@shardcast/server/overview/overview.fixture";
import { RequestFailures } from "@shardcast/server/requestFailures";
import { DASHBOARD_PAGE } from "./page.ts";

/** The dashboard of a cluster that there is not, at a real admin port. */
export function startSyntheticDashboard(options: SyntheticOptions): {
  readonly url: string;
  stop(): Promise<void>;
} {
  const keeper = syntheticOverview(options);
  const server = startAdminServer({
    ...{ host: "127.0.0.1", port: 0 },
    failures: new RequestFailures(() => {}),
    guard: new AdminGuard({ keys: undefined, host: "127.0.0.1", insecure: false }),
    health: () => ({ status: "ok", instance: "a", checks: {}, shards: [] }),
    metrics: async () => "",
    channels: async () => ({ channels: [] }),
    instance: () => ({}),
    cluster: () => ({}),
    overview: (afterMs) => keeper.tell(afterMs),
    publish: async () => [],
    rebalance: () => ({ state: "even" }),
    drain: () => ({ phase: "waiting", clients: 0, leftMs: 0 }),
    killDemoShard: async () => Response.json({}),
    pages: new Pages([DASHBOARD_PAGE], (hostname) => `ws://${hostname}:${options.port ?? 3000}`),
  });
  return { url: server.url.href, stop: () => server.stop(true) };
}
