import type { HealthReport } from "../health.ts";
import { PublishError, type Published, type PublishItem, parsePublish } from "./publishRequest.ts";

export interface AdminServerOptions {
  readonly host: string;
  readonly port: number;
  readonly health: () => HealthReport;
  readonly metrics: () => Promise<string>;
  readonly channels: () => Promise<unknown>;
  readonly instance: () => unknown;
  readonly cluster: () => unknown;
  readonly publish: (items: readonly PublishItem[]) => Promise<readonly Published[]>;
}

/** Bytes of one request's body: what a batch of publishes may hold. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** The instance's port for operators and publishers. Throws where the port can not be opened. */
export function startAdminServer(options: AdminServerOptions): Bun.Server<undefined> {
  return Bun.serve({
    hostname: options.host,
    port: options.port,
    maxRequestBodySize: BODY_BYTES_MAX,
    routes: {
      "/health": () => {
        const report = options.health();
        return Response.json(report, { status: report.status === "unhealthy" ? 503 : 200 });
      },
      "/live": () => Response.json({ status: "ok" }),
      "/metrics": async () =>
        new Response(await options.metrics(), {
          headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
      "/api/instance": () => Response.json(options.instance()),
      "/api/cluster": () => Response.json(options.cluster()),
      "/api/channels": async () => Response.json(await options.channels()),
      "/api/publish": { POST: (request) => publish(request, options) },
    },
    fetch: ({ method, url }) => {
      const { pathname } = new URL(url);
      const message = `there is no ${method} ${pathname} here: see docs/protocol.md`;
      return Response.json({ error: { code: "not_found", message } }, { status: 404 });
    },
  });
}

async function publish(request: Request, options: AdminServerOptions): Promise<Response> {
  try {
    const published = await options.publish(parsePublish(await request.bytes()));
    return Response.json({ published });
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return Response.json({ error: { code: error.code, message: error.message } }, { status: error.status });
  }
}
