import type { AdminGuard } from "../auth/adminGuard.ts";
import type { Scope } from "../auth/apiKeys.ts";
import { RebalanceRefused } from "../cluster/balance.ts";
import type { HealthReport } from "../health.ts";
import { answerByMethod, type Methods } from "../httpMethods.ts";
import type { Overview } from "../overview/shape.ts";
import type { RequestFailures } from "../requestFailures.ts";
import { requestUrl } from "../requestUrl.ts";
import type { DrainAnswer } from "../supervisor/drain.ts";
import type { Pages } from "./pages.ts";
import {
  BODY_BYTES_MAX,
  PublishError,
  type Published,
  type PublishItem,
  parsePublish,
} from "./publishRequest.ts";

export interface AdminServerOptions {
  readonly host: string;
  readonly port: number;
  readonly guard: AdminGuard;
  readonly failures: RequestFailures;
  readonly health: () => HealthReport;
  readonly metrics: () => Promise<string>;
  readonly channels: () => Promise<unknown>;
  readonly instance: () => unknown;
  readonly cluster: () => unknown;
  /** Begins to take the instance out, or tells how far that has come. */
  readonly drain: () => DrainAnswer;
  /** Throws `RebalanceRefused`. */
  readonly rebalance: () => unknown;
  /** With the samples taken after that time, in ms since 1970. */
  readonly overview: (afterMs: number) => Promise<Overview>;
  readonly publish: (items: readonly PublishItem[]) => Promise<readonly Published[]>;
  readonly killDemoShard: (request: Request) => Promise<Response>;
  /** For browsers. Absent: none. */
  readonly pages?: Pages | undefined;
}

/** The instance's port for operators and publishers. Throws where the port can not be opened. */
export function startAdminServer(options: AdminServerOptions): Bun.Server<undefined> {
  const paths = pathsOf(options);
  return Bun.serve({
    hostname: options.host,
    port: options.port,
    // The transport refuses what is much larger without a body of its own.
    maxRequestBodySize: 2 * BODY_BYTES_MAX,
    development: false,
    error: options.failures.answer,
    fetch: (request) => {
      const url = requestUrl(request);
      if (url === undefined) return options.guard.refuseHost();
      const { pathname } = url;
      // A page holds no secrets, and a browser can send no key before it has one: the page asks for it.
      if (options.pages?.has(pathname) === true) return options.pages.answer(pathname, request);
      const methods = paths.get(pathname);
      const scope = SCOPES.get(pathname) ?? "read";
      const refusal = OPEN_PATHS.includes(pathname) ? undefined : options.guard.check(request, url, scope);
      if (refusal !== undefined) return refusal;
      if (methods !== undefined) return answerByMethod(methods, request);
      const message = `there is no ${pathname} here, but ${[...paths.keys()].join(", ")}`;
      return Response.json({ error: { code: "not_found", message } }, { status: 404 });
    },
  });
}

/** What a key must be for, where that is not `read`. */
const SCOPES: ReadonlyMap<string, Scope> = new Map([
  ["/api/publish", "publish"],
  ["/api/drain", "admin"],
  ["/api/rebalance", "admin"],
  ["/api/demo/kill-shard", "admin"],
]);

/** For probes, which have no keys. The public port tells everybody the same. */
const OPEN_PATHS = ["/health", "/live"];

function pathsOf(options: AdminServerOptions): ReadonlyMap<string, Methods> {
  return new Map<string, Methods>([
    ["/health", { GET: () => health(options.health()) }],
    ["/live", { GET: () => Response.json({ status: "ok" }) }],
    ["/metrics", { GET: async () => metrics(await options.metrics()) }],
    ["/api/instance", { GET: () => Response.json(options.instance()) }],
    ["/api/cluster", { GET: () => Response.json(options.cluster()) }],
    ["/api/channels", { GET: async () => Response.json(await options.channels()) }],
    ["/api/drain", { POST: () => Response.json(options.drain(), { status: 202 }) }],
    ["/api/rebalance", { POST: () => rebalance(options) }],
    ["/api/overview", { GET: (request) => overview(request, options) }],
    ["/api/demo/kill-shard", { POST: options.killDemoShard }],
    ["/api/publish", { POST: (request) => publish(request, options) }],
  ]);
}

function health(report: HealthReport): Response {
  return Response.json(report, { status: report.status === "unhealthy" ? 503 : 200 });
}

function metrics(text: string): Response {
  return new Response(text, { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } });
}

function rebalance(options: AdminServerOptions): Response {
  try {
    return Response.json(options.rebalance(), { status: 202 });
  } catch (error) {
    if (!(error instanceof RebalanceRefused)) throw error;
    return Response.json({ error: { code: "rebalance_refused", message: error.message } }, { status: 409 });
  }
}

async function overview(request: Request, options: AdminServerOptions): Promise<Response> {
  const given = new URL(request.url).searchParams.get("after") ?? "0";
  if (!/^\d{1,16}$/.test(given)) {
    const message = "`after` is a time in ms since 1970, such as the last sample's";
    return Response.json({ error: { code: "bad_request", message } }, { status: 400 });
  }
  const headers = { "Cache-Control": "no-store" };
  return Response.json(await options.overview(Number(given)), { headers });
}

async function publish(request: Request, options: AdminServerOptions): Promise<Response> {
  try {
    const published = await options.publish(parsePublish(await bodyOf(request)));
    return Response.json({ published });
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return Response.json({ error: { code: error.code, message: error.message } }, { status: error.status });
  }
}

async function bodyOf(request: Request): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  const body = announced > BODY_BYTES_MAX ? undefined : await request.bytes();
  if (body === undefined || body.length > BODY_BYTES_MAX)
    throw new PublishError("payload_too_large", `the body is larger than ${BODY_BYTES_MAX} bytes`);
  return body;
}
