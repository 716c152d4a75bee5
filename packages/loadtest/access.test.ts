import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startInstance, type TestInstance } from "../../test/instance.fixture.ts";
import { makeCertificates } from "../../test/services/certificates.ts";
import { makeToken, SECRET } from "../server/auth/tokens.fixture.ts";
import type { Access } from "./access.ts";
import type { Report } from "./report.ts";
import { brokenIn, runOn } from "./run.fixture.ts";

const TEST_MS = 120_000;
const KEY = "a-key-of-the-load-tester";
const directory = mkdtempSync(join(tmpdir(), "loadtest-access-"));
let instance: TestInstance;
let ca: string;

beforeAll(async () => {
  const certificates = makeCertificates(directory);
  ca = certificates.ca;
  writeFileSync(join(directory, "server.pem"), certificates.server.cert);
  writeFileSync(join(directory, "server.key"), certificates.server.key);
  writeFileSync(join(directory, "secret"), SECRET);
  writeFileSync(join(directory, "keys"), `load:publish,read:${KEY}\n`);
  instance = await startInstance([
    ...[
      "--shards",
      "1",
      "--tls-cert",
      join(directory, "server.pem"),
      "--tls-key",
      join(directory, "server.key"),
    ],
    ...["--jwt-secret-file", join(directory, "secret"), "--api-keys-file", join(directory, "keys")],
  ]);
}, TEST_MS);

afterAll(async () => {
  await instance.end();
  rmSync(directory, { recursive: true });
});

function runWith(access: Access): Promise<Report> {
  const over = {
    channels: ["a.load"],
    connections: 10,
    holdSeconds: 1.5,
    waitSeconds: 2,
    messagesPerSecond: 20,
  };
  return runOn(instance, over, { access });
}

test.each(["header", "subprotocol"] as const)(
  "clients with a token by %s reach an encrypted instance, and its admin port takes the key",
  async (tokenBy) => {
    const token = await makeToken();
    const report = await runWith({ token, tokenBy, apiKey: KEY, tls: { ca, isInsecure: false } });
    expect(brokenIn(report)).toEqual([]);
    expect(report.deliveries).toBe(report.published * 10);
    expect(JSON.stringify(report)).not.toContain(token);
    expect(JSON.stringify(report)).not.toContain(KEY);
  },
  TEST_MS,
);

test(
  "without a token each handshake is told as refused with the server's code, and without a key the figures are missing",
  async () => {
    const report = await runWith({ tokenBy: "header", tls: { isInsecure: true } });
    expect(Object.keys(report.handshakes.refused)).toEqual(["http_401 token_required"]);
    for (const name of ["connections open at once", "instances looked at", "messages published"])
      expect(brokenIn(report)).toContain(name);
  },
  TEST_MS,
);

test(
  "a certificate of an unknown authority is refused, and told so",
  async () => {
    const report = await runWith({ token: await makeToken(), tokenBy: "header", tls: { isInsecure: false } });
    expect(Object.keys(report.handshakes.refused).join()).toMatch(/^(tls_refused|connect_failed) \w+$/);
    expect(report.connectionsMax).toBe(0);
  },
  TEST_MS,
);
