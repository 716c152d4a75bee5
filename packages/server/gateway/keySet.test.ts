// Tokens whose keys come from an issuer.
import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { Jwks } from "../auth/jwks.ts";
import { jwkOf, PAIRS, pemOf } from "../auth/tokens.fixture.ts";
import { authorizing, bearer, refusalOf, subscribed, tokenFor } from "./authorization.fixture.ts";
import { refusedHandshake } from "./refusedHandshake.fixture.ts";

const closedLater = closedAfterEach();
const { start, connect } = authorizing(closedLater);

describe("a key set", () => {
  function serve(keys: object[]) {
    const state = { keys, isAway: false };
    const server = Bun.serve({
      port: 0,
      fetch: () => (state.isAway ? new Response(null, { status: 500 }) : Response.json({ keys: state.keys })),
    });
    let nowMs = 1e6;
    const jwks = new Jwks({
      url: `http://localhost:${server.port}/`,
      cacheMs: 300_000,
      staleMs: 3_600_000,
      now: () => nowMs,
      schedule: () => () => {},
      onFailure: () => {},
    });
    closedLater(jwks);
    closedLater({ close: () => server.stop(true) });
    return { state, jwks, wait: (ms: number) => (nowMs += ms) };
  }

  test("lets in who was signed with any of its keys, and a rotated one without a restart", async () => {
    const rotated = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { state, jwks, wait } = serve([
      jwkOf(PAIRS.RS256.publicKey, { kid: "r" }),
      jwkOf(PAIRS.ES256.publicKey, { kid: "e" }),
      jwkOf(PAIRS.EdDSA.publicKey, { kid: "d" }),
    ]);
    await jwks.begin();
    const { url } = start({ secret: undefined, jwks });
    await connect(url, await tokenFor({ algorithm: "RS256", id: "r" }));
    await connect(url, await tokenFor({ algorithm: "ES256", id: "e" }));
    await connect(url, await tokenFor({ algorithm: "EdDSA", id: "d" }));
    const young = await tokenFor({ algorithm: "ES256", id: "new", key: rotated.privateKey });
    expect(await refusalOf(url, bearer(young))).toMatchObject({ status: 401, code: "token_invalid" });
    state.keys = [jwkOf(rotated.publicKey, { kid: "new" })];
    wait(10_000);
    await connect(url, young);
    const old = await tokenFor({ algorithm: "ES256", id: "e" });
    expect(await refusalOf(url, bearer(old))).toMatchObject({ status: 401, code: "token_invalid" });
    // A key of one type under the id of another, and HS256 with what the set holds.
    const mixed = await tokenFor({ algorithm: "RS256", id: "new" });
    expect(await refusalOf(url, bearer(mixed))).toMatchObject({ status: 401, code: "token_invalid" });
    const confused = await tokenFor({ id: "new", key: Buffer.from(pemOf(rotated.publicKey)) });
    expect(await refusalOf(url, bearer(confused))).toMatchObject({ status: 401, code: "token_invalid" });
  });

  test("that is away for too long refuses with 503, and the clients that are there stay", async () => {
    const { state, jwks, wait } = serve([jwkOf(PAIRS.ES256.publicKey, { kid: "e" })]);
    await jwks.begin();
    const { url, access } = start({ secret: undefined, jwks });
    const token = await tokenFor({ algorithm: "ES256", id: "e" });
    const client = await connect(url, token);
    state.isAway = true;
    wait(3_600_001);
    expect(await refusalOf(url, bearer(token))).toMatchObject({ status: 503, code: "auth_unavailable" });
    expect(await client.ask({ type: "auth", id: 5, token })).toMatchObject({ code: "auth_unavailable" });
    expect(access.refused.auth_unavailable).toBe(1);
    expect(await subscribed(client, "a.b")).toEqual({ "a.b": "ok" });
  });

  test("that is away does not tell everybody to come back in the same second", async () => {
    const { state, jwks } = serve([]);
    state.isAway = true;
    await jwks.begin();
    const { url } = start({ secret: undefined, jwks });
    const token = await tokenFor({ algorithm: "ES256", id: "e" });
    const seconds = new Set<number>();
    for (let i = 0; i < 30; i++) {
      const response = await refusedHandshake(url, bearer(token));
      expect(response.status).toBe(503);
      seconds.add(Number(response.headers.get("retry-after")));
    }
    expect(seconds.size).toBeGreaterThan(1);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(10);
  });
});
