// Who may connect: over real sockets, with tokens that are really signed.
import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { TOKEN_SUBPROTOCOL_PREFIX } from "@shardcast/protocol/messages";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { PAIRS, pemOf } from "../auth/tokens.fixture.ts";
import {
  authorizing,
  bearer,
  IN_AN_HOUR,
  keysOf,
  NOW_MS,
  refusalOf,
  subscribed,
  tokenFor,
} from "./authorization.fixture.ts";
import { RawClient } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";

const closedLater = closedAfterEach();
const { start, connect } = authorizing(closedLater);

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
