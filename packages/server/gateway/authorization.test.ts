// Who may connect, subscribe and stay: over real sockets, with tokens that are really signed.
import { describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { TOKEN_SUBPROTOCOL_PREFIX } from "@shardcast/protocol/messages";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { AccessControl } from "../auth/access.ts";
import { Jwks } from "../auth/jwks.ts";
import { publicKeysOf } from "../auth/publicKeys.ts";
import { jwkOf, makeToken, PAIRS, pemOf, SECRET } from "../auth/tokens.fixture.ts";
import { TokenVerifier, type TokenVerifierOptions } from "../auth/tokenVerifier.ts";
import { gatewayFixture, RawClient, STREAM } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";
import { refusedHandshake } from "./refusedHandshake.fixture.ts";

const closedLater = closedAfterEach();

const NOW_MS = 1_800_000_000_000;
const IN_AN_HOUR = NOW_MS / 1000 + 3600;

/** A clock that stands until a test moves it; whoever waited is called in the order of their times. */
class TestClock {
  nowMs = NOW_MS;
  readonly #waiting = new Set<{ atMs: number; fn: () => void }>();

  readonly schedule = (delayMs: number, fn: () => void): (() => void) => {
    const entry = { atMs: this.nowMs + delayMs, fn };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  };

  moveTo(nowMs: number): void {
    for (;;) {
      const [next] = [...this.#waiting].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > nowMs) break;
      this.#waiting.delete(next);
      this.nowMs = next.atMs;
      next.fn();
    }
    this.nowMs = nowMs;
  }
}

function keysOf(...pems: string[]) {
  const keys = publicKeysOf(pems.join(""));
  if ("fault" in keys) throw new Error(keys.fault);
  return keys;
}

function start(
  verifierOptions: Partial<TokenVerifierOptions> = {},
  more: {
    readonly anonymousChannels?: readonly string[];
    readonly permits?: number;
    readonly history?: { readonly messagesMax: number };
  } = {},
) {
  const clock = new TestClock();
  const { anonymousChannels = [] } = more;
  const verifier = new TokenVerifier({
    secret: new TextEncoder().encode(SECRET),
    publicKeys: [],
    jwks: undefined,
    audience: undefined,
    issuer: undefined,
    leewaySeconds: 5,
    everybody: anonymousChannels,
    now: () => clock.nowMs,
    ...verifierOptions,
  });
  const access = new AccessControl({
    ...{ verifier, anonymousChannels, warningMs: 30_000, leewayMs: 5000 },
    now: () => clock.nowMs,
    schedule: clock.schedule,
  });
  const fixture = gatewayFixture({
    gateway: { access },
    permits: more.permits ?? 100,
    history: more.history ?? {},
  });
  closedLater(fixture);
  return { ...fixture, clock, access, verifier };
}

const tokenFor = (parts: Parameters<typeof makeToken>[0] = {}) =>
  makeToken({ expires: IN_AN_HOUR, ...parts });

async function connect(url: string, token: string): Promise<RawClient> {
  return closedLater(await RawClient.open(url, { headers: { Authorization: `Bearer ${token}` } }));
}

/** The answer to a handshake that is refused: its status and code, and its whole text. */
async function refusalOf(url: string, headers: Record<string, string> = {}) {
  const response = await refusedHandshake(url, headers);
  const text = await response.text();
  const { error } = JSON.parse(text) as { error: { code: string } };
  return { status: response.status, code: error.code, text };
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

async function subscribed(client: RawClient, ...channels: string[]): Promise<unknown> {
  const answer = await client.ask({ type: "subscribe", id: Math.floor(Math.random() * 1e9), channels });
  if (answer.type !== "subscribed") return answer;
  return Object.fromEntries(answer.channels.map((each) => [each.channel, each.error?.code ?? "ok"]));
}

describe("a token", () => {
  test.each(["RS256", "ES256", "EdDSA"] as const)("signed with %s is believed", async (algorithm) => {
    const { url } = start({ secret: undefined, publicKeys: keysOf(pemOf(PAIRS[algorithm].publicKey)) });
    const client = await connect(url, await tokenFor({ algorithm }));
    expect(await subscribed(client, "a.b", "b")).toEqual({ "a.b": "ok", b: "channel_forbidden" });
  });

  test("is taken from the header, the subprotocol and the query", async () => {
    const { url } = start();
    const token = await tokenFor();
    await connect(url, token);
    const byProtocol = await RawClient.open(url, {
      protocols: ["shardcast.v1", `${TOKEN_SUBPROTOCOL_PREFIX}${token}`],
    });
    closedLater(byProtocol);
    const byQuery = closedLater(await RawClient.open(`${url}?token=${token}`));
    for (const client of [byProtocol, byQuery])
      expect(await subscribed(client, "a.b")).toEqual({ "a.b": "ok" });
  });

  test("is required where keys are set up, and a wrong one does not make a client anonymous", async () => {
    const { url } = start();
    expect(await refusalOf(url)).toMatchObject({ status: 401, code: "token_required" });
    const { url: openUrl } = start({}, { anonymousChannels: ["news.*"] });
    expect(await refusalOf(openUrl, bearer("nonsense"))).toMatchObject({
      status: 401,
      code: "token_invalid",
    });
  });

  test("is refused where two of them are offered", async () => {
    const { url } = start();
    const other = await tokenFor({ claims: { sub: "ben" } });
    const refusal = await refusalOf(`${url}?token=${await tokenFor()}`, bearer(other));
    expect(refusal).toMatchObject({ status: 401, code: "token_invalid" });
  });

  test("needs the right audience, issuer and times, with leeway and no more", async () => {
    const { url, verifier } = start({ audience: "here", issuer: "us" });
    const claims = { aud: "here", iss: "us" };
    const seconds = NOW_MS / 1000;
    await connect(url, await tokenFor({ claims }));
    await connect(url, await tokenFor({ claims, expires: seconds - 4 }));
    await connect(url, await tokenFor({ claims: { ...claims, aud: ["there", "here"], nbf: seconds + 4 } }));
    const refused: Array<[string, string]> = [
      ["token_expired", await tokenFor({ claims, expires: seconds - 6 })],
      ["token_invalid", await tokenFor({ claims, expires: "never" })],
      ["token_invalid", await tokenFor({ claims: { ...claims, aud: "there" } })],
      ["token_invalid", await tokenFor({ claims: { aud: "here" } })],
      ["token_invalid", await tokenFor({ claims: { ...claims, iss: "them" } })],
      ["token_invalid", await tokenFor({ claims: { ...claims, nbf: seconds + 60 } })],
      ["token_invalid", await tokenFor({ claims: { ...claims, channels: ["a*"] } })],
      ["token_invalid", await tokenFor({ claims: { ...claims, channels: "a.*" } })],
      ["token_invalid", await tokenFor({ claims: { ...claims, more: "x".repeat(9000) } })],
    ];
    for (const [code, token] of refused) {
      expect(await refusalOf(url, bearer(token))).toMatchObject({ status: 401, code });
    }
    expect(verifier.results).toMatchObject({ accepted: 3, token_expired: 1, token_invalid: 8 });
  });

  test("of a forger is refused: alg none, a changed payload, another's key, the public key as a secret", async () => {
    const pem = pemOf(PAIRS.RS256.publicKey);
    const { url } = start({ publicKeys: keysOf(pem) });
    const [head = "", payload = "", signature = ""] = (await tokenFor()).split(".");
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const confused = `${encode({ alg: "HS256", typ: "JWT" })}.${payload}`;
    const withPem = createHmac("sha256", pem).update(confused).digest("base64url");
    const forged = [
      `${encode({ alg: "none" })}.${payload}.`,
      `${encode({ alg: "None" })}.${payload}.${signature}`,
      `${head}.${encode({ sub: "root", channels: ["*"], exp: IN_AN_HOUR })}.${signature}`,
      `${head}.${payload}.`,
      `${confused}.${withPem}`,
      await tokenFor({ key: new TextEncoder().encode("another secret that is long enough too") }),
      await tokenFor({ algorithm: "ES256" }),
    ];
    for (const token of forged) {
      const refusal = await refusalOf(url, bearer(token));
      expect(refusal).toMatchObject({ status: 401, code: "token_invalid" });
      expect(refusal.text).not.toContain(payload);
    }
  });

  test("is checked while others come: the limit of clients holds all the same", async () => {
    const { url, gateway } = start({}, { permits: 3 });
    const token = await tokenFor();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => connect(url, token)));
    expect(gateway.connections).toBe(3);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });

  test.each(["/ws", "/sse?channels=a"])(
    "whose client goes while it is looked at counts as one who left: %s",
    async (path) => {
      const { gateway, admission, verifier } = start();
      const looking = Promise.withResolvers<void>();
      const looked = Promise.withResolvers<void>();
      const verify = verifier.verify.bind(verifier);
      verifier.verify = async (token) => {
        looking.resolve();
        await looked.promise;
        return await verify(token);
      };
      const socket = await RawSocket.open(gateway.port);
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenFor()}\r\nConnection: Upgrade\r\n` +
          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      await looking.promise;
      socket.vanish();
      await socket.closed;
      // What comes after the reset is read after it.
      await fetch(`http://127.0.0.1:${gateway.port}/live`);
      looked.resolve();
      const { entrance } = gateway;
      const ends = () => entrance.abandoned + admission.refused.handshake_invalid + gateway.connections;
      while (ends() === 0) await new Promise((resolve) => setImmediate(resolve));
      expect([entrance.abandoned, admission.refused.handshake_invalid, gateway.connections]).toEqual([
        1, 0, 0,
      ]);
    },
  );
});

describe("a client", () => {
  test("gets what its claim covers as a whole, and the others are told one by one", async () => {
    const { url } = start();
    const client = await connect(url, await tokenFor({ claims: { channels: ["a.b.*", "c", "d.*"] } }));
    expect(await subscribed(client, "a.b.x", "a.b.*", "a.b.x.*", "c", "d.e.f", "d.*")).toEqual({
      ...{ "a.b.x": "ok", "a.b.*": "ok", "a.b.x.*": "ok", c: "ok", "d.e.f": "ok", "d.*": "ok" },
    });
    const forbidden = ["a.b", "a.*", "a.bc", "c.*", "c.x", "d"];
    expect(await subscribed(client, ...forbidden)).toEqual(
      Object.fromEntries(forbidden.map((name) => [name, "channel_forbidden"])),
    );
  });

  test("without a token has the anonymous channels alone; with one both; `*` is everything", async () => {
    const { url } = start({}, { anonymousChannels: ["news.*"] });
    const anonymous = closedLater(await RawClient.open(url));
    expect(await subscribed(anonymous, "news.x", "a.b")).toEqual({
      "news.x": "ok",
      "a.b": "channel_forbidden",
    });
    const client = await connect(url, await tokenFor());
    expect(await subscribed(client, "news.x", "a.b", "c")).toMatchObject({
      "a.b": "ok",
      "news.x": "ok",
      c: "channel_forbidden",
    });
    const root = await connect(url, await tokenFor({ claims: { channels: ["*"] } }));
    expect(await subscribed(root, "x.*", "y")).toEqual({ "x.*": "ok", y: "ok" });
  });

  test("is warned, then sent away with 4401 when its token is past its end and the leeway", async () => {
    const { url, clock, access, gateway } = start();
    const client = await connect(url, await tokenFor());
    await client.ask({ type: "ping", id: 1 });
    clock.moveTo(NOW_MS + 3_569_999);
    await client.ask({ type: "ping", id: 2 });
    expect(client.received.some(({ type }) => type === "token_expiring")).toBe(false);
    clock.moveTo(NOW_MS + 3_570_000);
    await client.until(() => client.received.some(({ type }) => type === "token_expiring"));
    expect(client.received.at(-1)).toEqual({ type: "token_expiring", expiresInMs: 30_000 });
    clock.moveTo(NOW_MS + 3_604_999);
    await client.ask({ type: "ping", id: 3 });
    clock.moveTo(NOW_MS + 3_605_000);
    expect(await client.closed()).toBe(4401);
    expect([access.expired, gateway.closes[4401]]).toEqual([1, 1]);
  });

  test("refreshes its token over the connection, and is warned of the new one's end", async () => {
    const { url, clock } = start();
    const client = await connect(url, await tokenFor());
    expect(await subscribed(client, "a.b")).toEqual({ "a.b": "ok" });
    const expires = IN_AN_HOUR + 3600;
    const answer = await client.ask({ type: "auth", id: 9, token: await tokenFor({ expires }) });
    expect(answer).toEqual({ type: "authenticated", id: 9, expiresAtMs: expires * 1000 });
    clock.moveTo(NOW_MS + 3_700_000);
    await client.ask({ type: "ping", id: 10 });
    expect(client.received.some(({ type }) => type === "token_expiring")).toBe(false);
    clock.moveTo(NOW_MS + 7_200_000 - 30_000);
    await client.until(() => client.received.some(({ type }) => type === "token_expiring"));
  });

  test("loses what a new token does not allow, and is told; nothing more of it comes", async () => {
    const { url, publish } = start();
    const client = await connect(url, await tokenFor({ claims: { channels: ["a.*", "b"] } }));
    await subscribed(client, "a.*", "a.x", "b");
    const token = await tokenFor({ claims: { channels: ["a.x", "b"] } });
    expect(await client.ask({ type: "auth", id: 9, token })).toMatchObject({
      type: "authenticated",
      revoked: ["a.*"],
    });
    publish("a.y", "forbidden");
    publish("a.x", "one");
    publish("b", "two");
    await client.until(() => client.data.length >= 2);
    expect(client.data).toEqual(["one", "two"]);
    expect(await subscribed(client, "a.*")).toEqual({ "a.*": "channel_forbidden" });
  });

  test("keeps its token where a new one is refused: forged, expired, another's; each has one answer", async () => {
    const { url, clock, counters } = start();
    const client = await connect(url, await tokenFor());
    const asked: Array<[string, unknown]> = [
      ["token_invalid", "nonsense"],
      ["token_expired", await tokenFor({ expires: NOW_MS / 1000 - 60 })],
      ["token_invalid", await tokenFor({ claims: { sub: "ben" } })],
      ["bad_request", 7],
    ];
    for (const [index, [code, token]] of asked.entries()) {
      expect(await client.ask({ type: "auth", id: 20 + index, token })).toMatchObject({
        type: "error",
        code,
      });
    }
    expect(counters.refusals).toBe(4);
    expect(await subscribed(client, "a.b")).toEqual({ "a.b": "ok" });
    clock.moveTo(NOW_MS + 3_605_000);
    expect(await client.closed()).toBe(4401);
  });

  test("may ask for one check at a time", async () => {
    const { url } = start();
    const client = await connect(url, await tokenFor());
    const token = await tokenFor();
    for (const id of [1, 2]) client.send({ type: "auth", id, token });
    const answers = () => client.received.filter((each) => "id" in each);
    await client.until(() => answers().length === 2);
    expect(answers()).toMatchObject([
      { id: 2, code: "too_many_requests" },
      { id: 1, type: "authenticated" },
    ]);
  });

  test("does not join what its token stopped allowing during a resume, and is told", async () => {
    const { url, publish, logHeld, reads } = start({}, { history: { messagesMax: 5 } });
    for (let i = 0; i < 20; i++) publish("a.x", i);
    const held = Promise.withResolvers<void>();
    logHeld.until = held.promise;
    const client = await connect(url, await tokenFor());
    client.send({ type: "subscribe", id: 1, channels: ["a.x"], since: [`${STREAM}:2`] });
    while (reads.length === 0) await Bun.sleep(1);
    const token = await tokenFor({ claims: { channels: ["b"] } });
    // Checked at once, although a resume is under way.
    expect(await client.ask({ type: "auth", id: 2, token })).toMatchObject({ type: "authenticated" });
    held.resolve();
    await client.until(() => client.received.some(({ type }) => type === "subscribed"));
    const answer = client.received.find(({ type }) => type === "subscribed");
    expect(answer).toMatchObject({ channels: [{ channel: "a.x", error: { code: "channel_forbidden" } }] });
    const before = client.data.length;
    publish("a.x", "later");
    await client.ask({ type: "ping", id: 3 });
    expect(client.data).toHaveLength(before);
  });

  test("has not recovered what it had by a pattern that its token stopped allowing during a resume", async () => {
    const { url, publish, logHeld, reads } = start({}, { history: { messagesMax: 5 } });
    for (let i = 0; i < 20; i++) publish("a.b", i);
    const held = Promise.withResolvers<void>();
    const client = await connect(url, await tokenFor({ claims: { channels: ["a.x.*", "a.b"] } }));
    await client.ask({ type: "subscribe", id: 1, channels: ["a.x.*"] });
    logHeld.until = held.promise;
    const since = [`${STREAM}:2`];
    client.send({ type: "subscribe", id: 2, channels: ["a.x.y", "a.b"], since });
    while (reads.length === 0) await Bun.sleep(1);
    const token = await tokenFor({ claims: { channels: ["a.x.y", "a.b"] } });
    expect(await client.ask({ type: "auth", id: 3, token })).toMatchObject({ revoked: ["a.x.*"] });
    publish("a.x.y", "between");
    held.resolve();
    const answer = () => client.received.find((each) => each.type === "subscribed" && each.id === 2);
    await client.until(() => answer() !== undefined);
    expect(answer()).toMatchObject({ channels: [{ recovered: false }, { recovered: true }] });
  });
});

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
