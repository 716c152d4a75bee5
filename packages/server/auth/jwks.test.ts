// The key set behind a URL, served by a real server: rotation, outages, floods of unknown keys.
import { afterEach, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { Jwks } from "./jwks.ts";
import { jwkOf, PAIRS, SECRET } from "./tokens.fixture.ts";

const open: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const FIRST = jwkOf(PAIRS.ES256.publicKey, { kid: "first", alg: "ES256", use: "sig" });
const SECOND = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey, { kid: "second" });

function start(path = "/keys") {
  const state = {
    keys: [FIRST] as unknown,
    answer: undefined as (() => Response) | undefined,
    asked: 0,
    heldUntil: undefined as Promise<void> | undefined,
  };
  const server = Bun.serve({
    port: 0,
    fetch: async () => {
      state.asked += 1;
      await state.heldUntil;
      return state.answer?.() ?? Response.json({ keys: state.keys });
    },
  });
  const clock = { nowMs: 1e6 };
  const planned: Array<{ readonly delayMs: number; readonly fn: () => void }> = [];
  const failures: string[] = [];
  const jwks = new Jwks({
    url: `http://localhost:${server.port}${path}`,
    cacheMs: 300_000,
    staleMs: 3_600_000,
    now: () => clock.nowMs,
    schedule: (delayMs, fn) => {
      const entry = { delayMs, fn };
      planned.push(entry);
      return () => planned.splice(planned.indexOf(entry), planned.includes(entry) ? 1 : 0);
    },
    onFailure: (why) => failures.push(why),
  });
  open.push(
    () => jwks.close(),
    () => server.stop(true),
  );
  return {
    ...{ state, clock, jwks, planned, failures },
    /** Lets the planned fetch happen, and waits for it. */
    async fetchPlanned(): Promise<void> {
      const next = planned.shift();
      clock.nowMs += next?.delayMs ?? 0;
      next?.fn();
      await jwks.begin();
    },
  };
}

test("a rotated key is found at once by its id, and the withdrawn one is gone with the next fetch", async () => {
  const { jwks, state, clock } = start();
  await jwks.begin();
  expect(await jwks.find("ES256", "first")).toMatchObject({ id: "first" });
  expect(state.asked).toBe(1);
  state.keys = [SECOND];
  clock.nowMs += 10_000;
  expect(await jwks.find("ES256", "second")).toMatchObject({ id: "second" });
  expect(await jwks.find("ES256", "first")).toBeUndefined();
  expect(state.asked).toBe(2);
});

test("unknown ids are asked for once in 10 s, however many come, and at once together", async () => {
  const { jwks, state, clock } = start();
  await jwks.begin();
  clock.nowMs += 10_000;
  await Promise.all(Array.from({ length: 100 }, (_, i) => jwks.find("ES256", `invented-${i}`)));
  for (let i = 0; i < 100; i++) await jwks.find("ES256", `invented-${i}`);
  expect(state.asked).toBe(2);
  clock.nowMs += 9999;
  await jwks.find("ES256", "invented");
  expect(state.asked).toBe(2);
  clock.nowMs += 1;
  await jwks.find("ES256", "invented");
  expect(state.asked).toBe(3);
});

test("keys are fetched anew ahead of their age; without answers they hold up to a limit, and then no longer", async () => {
  const { jwks, state, clock, planned, failures, fetchPlanned } = start();
  await jwks.begin();
  expect(planned.map(({ delayMs }) => delayMs)).toEqual([300_000]);
  state.answer = () => new Response("away", { status: 500 });
  await fetchPlanned();
  expect(jwks.state).toBe("stale");
  expect(await jwks.find("ES256", "first")).toMatchObject({ id: "first" });
  await fetchPlanned();
  expect(planned[0]?.delayMs).toBeLessThanOrEqual(30_000);
  expect(failures).toEqual(["the key set was answered with 500"]);
  clock.nowMs += 3_600_000;
  expect(jwks.state).toBe("away");
  expect(await jwks.find("ES256", "first")).toBe("away");
  state.answer = undefined;
  await fetchPlanned();
  expect(jwks.state).toBe("fresh");
  expect(await jwks.find("ES256", "first")).toMatchObject({ id: "first" });
});

test.each([
  ["a redirect", () => Response.redirect("http://localhost:1/keys")],
  ["no JSON", () => new Response("<html>")],
  ["no keys", () => Response.json({ keys: [] })],
  ["another shape", () => Response.json([FIRST])],
  ["a body without end", () => new Response("x".repeat(300 * 1024))],
  [
    "a shared secret",
    () => Response.json({ keys: [{ kty: "oct", k: Buffer.from(SECRET).toString("base64url") }] }),
  ],
  [
    "a short RSA key",
    () => Response.json({ keys: [jwkOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey, {})] }),
  ],
])("a key set that is %s is a failure, and keys that were there stay", async (_, answer) => {
  const { jwks, state, fetchPlanned } = start();
  await jwks.begin();
  state.answer = answer;
  await fetchPlanned();
  expect(jwks.counters).toMatchObject({ fetched: 1, failed: 1 });
  expect(await jwks.find("ES256", "first")).toMatchObject({ id: "first" });
});

test("why a fetch failed is told without the URL, which may hold a secret", async () => {
  const { jwks, state, failures } = start("/keys?secret=hidden");
  state.answer = () => Response.redirect("http://localhost:1/keys");
  await jwks.begin();
  expect(failures).toHaveLength(1);
  expect(failures[0]).toStartWith("the key set was not answered (");
  expect(failures[0]).not.toContain("hidden");
});

test("while the issuer hangs, a flood of unknown ids waits for it only up to a limit, and known keys are found at once", async () => {
  const { jwks, state, clock } = start();
  await jwks.begin();
  clock.nowMs += 10_000;
  const held = Promise.withResolvers<void>();
  state.heldUntil = held.promise;
  const finding = Array.from({ length: 1000 }, (_, i) => jwks.find("ES256", `invented-${i}`));
  expect(new Set(await Promise.all(finding.slice(512)))).toEqual(new Set(["away"]));
  expect(await jwks.find("ES256", "first")).toMatchObject({ id: "first" });
  held.resolve();
  expect(new Set(await Promise.all(finding.slice(0, 512)))).toEqual(new Set([undefined]));
});

test("a token without a key id is believed where one key alone can be meant, and keys for encryption never are", async () => {
  const { jwks, state, fetchPlanned } = start();
  const forEncryption = jwkOf(PAIRS.RS256.publicKey, { kid: "e", use: "enc" });
  state.keys = [FIRST, forEncryption, jwkOf(PAIRS.EdDSA.publicKey, { kid: "x", alg: "RS256" }), null];
  await jwks.begin();
  expect(await jwks.find("ES256", undefined)).toMatchObject({ id: "first" });
  expect(await jwks.find("RS256", "e")).toBeUndefined();
  expect(await jwks.find("EdDSA", "x")).toBeUndefined();
  state.keys = [FIRST, SECOND];
  await fetchPlanned();
  expect(await jwks.find("ES256", undefined)).toBeUndefined();
});
