// Who may ask the admin port: over real HTTP.
import { afterEach, describe, expect, test } from "bun:test";
import { AdminGuard } from "../auth/adminGuard.ts";
import { ApiKeys } from "../auth/apiKeys.ts";
import { OVERVIEW } from "../overview/overview.fixture.ts";
import { RequestFailures } from "../requestFailures.ts";
import { startAdminServer } from "./adminServer.ts";

const open: Array<Bun.Server<undefined>> = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop(true);
});

const PUBLISHER = "publisher-key-0123456789";
const READER = "reader-key-0123456789ab";
const ROOT = "root:key-with:colons-0123";
const FILE = `# who may\nfeed:publish:${PUBLISHER}\n\nprometheus:read:${READER}\r\nops:admin,read:${ROOT}\n`;

function keysOf(text: string): ApiKeys {
  const keys = ApiKeys.parse(text);
  if (!(keys instanceof ApiKeys)) throw new Error(keys.fault);
  return keys;
}

function start(keys: ApiKeys | undefined, insecure = false) {
  const guard = new AdminGuard({ keys, host: "admin.internal", insecure });
  const server = startAdminServer({
    host: "127.0.0.1",
    port: 0,
    failures: new RequestFailures(() => {}),
    guard,
    health: () => ({ status: "ok", instance: "a", checks: {}, shards: [] }),
    metrics: async () => "# none\n",
    channels: async () => ({ channels: [] }),
    instance: () => ({}),
    cluster: () => ({}),
    rebalance: () => ({ state: "even" }),
    drain: () => ({ phase: "waiting", clients: 0, leftMs: 0 }),
    overview: async () => OVERVIEW,
    killDemoShard: async () => Response.json({}),
    publish: async (items) => items.map(({ channel }) => ({ channel, cursor: "k:1" })),
  });
  open.push(server);
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const isPublish = path === "/api/publish";
    const isOrder = path === "/api/drain";
    const response = await fetch(new URL(path, server.url), {
      headers,
      ...(isOrder && { method: "POST" }),
      ...(isPublish && { method: "POST", body: '{"channel":"a","data":1}' }),
    });
    const text = await response.text();
    const code = response.ok ? "ok" : (JSON.parse(text) as { error: { code: string } }).error.code;
    return { status: response.status, code, text };
  };
  return { guard, ask };
}

describe("with API keys", () => {
  test("each may what its scopes say, by either header; probes need none", async () => {
    const { ask, guard } = start(keysOf(FILE));
    const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
    expect(await ask("/metrics", bearer(READER))).toMatchObject({ status: 200 });
    expect(await ask("/api/publish", { "X-Api-Key": PUBLISHER })).toMatchObject({ status: 200 });
    expect(await ask("/api/drain", bearer(ROOT))).toMatchObject({ status: 202, code: "ok" });
    for (const key of [PUBLISHER, READER]) {
      expect(await ask("/api/drain", bearer(key))).toMatchObject({ status: 403, code: "scope_missing" });
    }
    for (const path of ["/metrics", "/api/publish", "/api/channels"]) {
      expect(await ask(path, bearer(ROOT))).toMatchObject({ status: 200 });
      expect(await ask(path)).toMatchObject({ status: 401, code: "key_required" });
      expect(await ask(path, bearer(`${READER}x`))).toMatchObject({ status: 401, code: "key_invalid" });
    }
    expect(await ask("/api/publish", bearer(READER))).toMatchObject({ status: 403, code: "scope_missing" });
    expect(await ask("/metrics", bearer(PUBLISHER))).toMatchObject({ status: 403, code: "scope_missing" });
    for (const path of ["/health", "/live"]) expect(await ask(path)).toMatchObject({ status: 200 });
    expect(guard.refused).toMatchObject({ key_required: 3, key_invalid: 3, scope_missing: 4 });
  });

  test("an answer never holds a key", async () => {
    const { ask } = start(keysOf(FILE));
    const texts = [
      await ask("/metrics", { "X-Api-Key": PUBLISHER }),
      await ask("/metrics", { "X-Api-Key": "wrong-key" }),
    ];
    for (const { text } of texts) expect(text).not.toMatch(/publisher-key|wrong-key/);
  });

  test.each([
    ["no key", "# nothing\n"],
    ["a line of another form", "feed publish key"],
    ["an unknown scope", `feed:write:${PUBLISHER}`],
    ["a short key", "feed:publish:short"],
    ["one name twice", `a:read:${READER}\na:read:${PUBLISHER}`],
    ["one key twice", `a:read:${READER}\nb:admin:${READER}`],
  ])("a file with %s is refused, and what it holds not quoted", (_, text) => {
    const parsed = ApiKeys.parse(text);
    if (parsed instanceof ApiKeys) throw new Error("it was taken");
    expect(parsed.fault).not.toMatch(/publisher-key|reader-key|short/);
  });
});

describe("without API keys", () => {
  test("pages elsewhere can not publish, nor read by a name that they made lead here", async () => {
    const { ask, guard } = start(undefined);
    expect(await ask("/api/publish")).toMatchObject({ status: 200 });
    expect(await ask("/api/publish", { Origin: "https://evil.example" })).toMatchObject({
      code: "origin_forbidden",
    });
    expect(await ask("/metrics", { Host: "evil.example:3001" })).toMatchObject({
      status: 403,
      code: "host_forbidden",
    });
    expect(await ask("/metrics", { Host: "admin.internal" })).toMatchObject({ status: 200 });
    expect(guard.refused).toMatchObject({ origin_forbidden: 1, host_forbidden: 1 });
  });

  test("any name will do where somebody said so", async () => {
    const { ask } = start(undefined, true);
    expect(await ask("/metrics", { Host: "shardcast.internal" })).toMatchObject({ status: 200 });
  });
});
