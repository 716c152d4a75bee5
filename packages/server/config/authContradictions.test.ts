import { describe, expect, test } from "bun:test";
import { PAIRS, pemOf, SECRET } from "../auth/tokens.fixture.ts";
import { load as loadGiven } from "./loadConfig.fixture.ts";

function load(flags: string, files: Readonly<Record<string, string>> = {}) {
  const loaded = loadGiven({ argv: flags.split(" ").filter((each) => each !== ""), files });
  if (loaded.ok) return { config: loaded.config, text: JSON.stringify(loaded.effective), messages: [] };
  const messages = loaded.problems.map(({ message }) => message);
  return { config: undefined, text: JSON.stringify(loaded.problems), messages };
}

describe("who may subscribe", () => {
  test("is everybody without a key, nobody without a token once there is one, and who is named in between", () => {
    expect(load("").config?.auth).toMatchObject({ anonymousChannels: ["*"] });
    expect(load("").config?.auth.tokens).toBeUndefined();
    expect(load(`--jwt-secret ${SECRET}`).config?.auth.anonymousChannels).toEqual([]);
    const named = load(`--jwt-secret ${SECRET} --anonymous-channels news.*,status`);
    expect(named.config?.auth.anonymousChannels).toEqual(["news.*", "status"]);
    expect(named.text).not.toContain(SECRET);
  });

  test.each([
    ["--jwt-audience here", /no effect/],
    ["--jwt-jwks-url https://a/k --jwt-jwks-stale-seconds 100", /given up before/],
    ["--jwt-jwks-url http://a/k", /expected an https/],
    ["--jwt-secret too-short", /expected a secret of 32/],
    ["--anonymous-channels a*", /channels, or patterns/],
    ["--jwt-public-key private.pem", /private key/],
    ["--jwt-public-key two.pem", /two keys of one type/],
    ["--jwt-public-key other.pem", /no PEM block/],
  ])("is refused as %s", (flags, message) => {
    const files = {
      "private.pem": pemOf(PAIRS.ES256.privateKey),
      "two.pem": pemOf(PAIRS.ES256.publicKey).repeat(2),
      "other.pem": "nothing",
    };
    const { messages, text } = load(flags, files);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(message);
    expect(text).not.toContain("too-short");
  });
});

test("an admin port that others can reach needs keys, or somebody who says that it does not", () => {
  for (const host of ["127.0.0.1", "::1", "localhost", "127.1.2.3"]) {
    expect(load(`--admin-host ${host}`).messages).toEqual([]);
  }
  for (const host of ["::", "0.0.0.0", "10.0.0.1", "127.evil.example"]) {
    expect(load(`--admin-host ${host}`).messages).toEqual([
      expect.stringContaining("can be reached by others"),
    ]);
    expect(load(`--admin-host ${host} --api-keys-file keys`).messages).toEqual([]);
    expect(load(`--admin-host ${host} --admin-insecure`).messages).toEqual([]);
  }
});

test("a certificate needs its key", () => {
  expect(load("--tls-cert cert.pem").messages).toEqual(["needs its key"]);
  expect(load("--tls-key key.pem").messages).toEqual(["needs its cert"]);
  const tls = { cert: "cert.pem", key: "key.pem" };
  expect(load("--tls-cert cert.pem --tls-key key.pem").config?.gateway.tls).toEqual(tls);
});
