import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AdminGuard, GUARD_STATUSES } from "../auth/adminGuard.ts";
import { RebalanceRefused } from "../cluster/balance.ts";
import type { HealthReport } from "../health.ts";
import { OVERVIEW } from "../overview/overview.fixture.ts";
import { RequestFailures } from "../requestFailures.ts";
import { startAdminServer } from "./adminServer.ts";
import { DEMO_STATUSES } from "./demoShards.ts";
import { PublishError, type PublishItem, STATUSES } from "./publishRequest.ts";

const REPORT: HealthReport = { status: "ok", instance: "a", checks: {}, shards: [] };
const GET_PATHS = [
  "/health",
  "/live",
  "/metrics",
  "/api/instance",
  "/api/cluster",
  "/api/channels",
  "/api/overview",
];
const MIB = 2 ** 20;

let server: Bun.Server<undefined>;
let failure: PublishError | undefined;
let isHeld = false;
let items: readonly PublishItem[] = [];

beforeAll(() => {
  server = startAdminServer({
    host: "127.0.0.1",
    port: 0,
    failures: new RequestFailures(() => {}),
    guard: new AdminGuard({ keys: undefined, host: "127.0.0.1", insecure: false }),
    health: () => REPORT,
    metrics: async () => "# none\n",
    channels: async () => ({ channels: [] }),
    instance: () => ({}),
    cluster: () => ({}),
    rebalance: () => {
      if (isHeld) throw new RebalanceRefused("an instance is not well");
      return { state: "even" };
    },
    drain: () => ({ phase: "waiting", clients: 3, leftMs: 1000 }),
    overview: async () => OVERVIEW,
    killDemoShard: async () => Response.json({}),
    publish: async (given) => {
      if (failure !== undefined) throw failure;
      items = given;
      return given.map(({ channel }) => ({ channel, cursor: "k:1" }));
    },
  });
});

afterAll(() => server.stop(true));

const ask = (path: string, init?: RequestInit) => fetch(new URL(path, server.url), init);

async function answerOf(response: Response): Promise<{ status: number; code: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect(error.message).not.toBe("");
  return { status: response.status, code: error.code };
}

test.each(GET_PATHS)("%s is read by GET and HEAD; anything else is 405 and says so", async (path) => {
  expect((await ask(path)).status).toBe(200);
  const head = await ask(path, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const response = await ask(path, { method });
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect(await answerOf(response)).toEqual({ status: 405, code: "method_not_allowed" });
  }
});

test("what is not there is 404, and says what is", async () => {
  const response = await ask("/api/nothing");
  expect(response.status).toBe(404);
  expect(await response.text()).toContain("/api/publish");
});

test("what takes the instance out, or evens it out, is asked for by POST alone, and may be refused", async () => {
  for (const path of ["/api/drain", "/api/rebalance"]) {
    expect((await ask(path)).status).toBe(405);
    expect((await ask(path, { method: "POST" })).status).toBe(202);
  }
  isHeld = true;
  expect(await answerOf(await ask("/api/rebalance", { method: "POST" }))).toEqual({
    status: 409,
    code: "rebalance_refused",
  });
});

describe("publishing", () => {
  const post = (body: BodyInit) => ask("/api/publish", { method: "POST", body });
  const message = (bytes: number) => `{"channel":"a","data":"${"x".repeat(bytes - 2)}"}`;

  test("is POST alone", async () => {
    const response = await ask("/api/publish");
    expect(response.headers.get("allow")).toBe("POST");
    expect(await answerOf(response)).toEqual({ status: 405, code: "method_not_allowed" });
  });

  test("takes data of 1 MiB, and answers 413 to a byte more", async () => {
    expect((await post(message(MIB))).status).toBe(200);
    expect(items[0]?.data.length).toBe(MIB);
    expect(await answerOf(await post(message(MIB + 1)))).toEqual({ status: 413, code: "payload_too_large" });
  });

  test("answers 413 to a body beyond 16 MiB, announced or not", async () => {
    const body = new Uint8Array(16 * MIB + 1).fill(0x20);
    expect(await answerOf(await post(body))).toEqual({ status: 413, code: "payload_too_large" });
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(body);
        controller.close();
      },
    });
    expect(await answerOf(await post(stream))).toEqual({ status: 413, code: "payload_too_large" });
  });

  test.each([
    ["{", 400, "bad_request"],
    ["[]", 400, "bad_request"],
    ['{"channel":"a b","data":1}', 400, "channel_invalid"],
  ])("of %s is refused", async (body, status, code) => {
    expect(await answerOf(await post(body))).toEqual({ status, code });
  });

  test.each([
    ["publish_topic_missing", 503],
    ["unavailable", 503],
  ] as const)("that fails with %s is answered %d", async (code, status) => {
    failure = new PublishError(code, "why");
    try {
      expect(await answerOf(await post(message(10)))).toEqual({ status, code });
    } finally {
      failure = undefined;
    }
  });
});

test("docs/http-api.md lists every code with its status", async () => {
  const page = await Bun.file(new URL("../../../docs/http-api.md", import.meta.url)).text();
  const documented = [...page.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)].map(([, status, code]) => [
    code,
    Number(status),
  ]);
  const others = { not_found: 404, method_not_allowed: 405, rebalance_refused: 409, internal_error: 500 };
  expect(Object.fromEntries(documented)).toEqual({
    ...STATUSES,
    ...GUARD_STATUSES,
    ...DEMO_STATUSES,
    ...others,
  });
});
