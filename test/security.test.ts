// A whole instance with everything that is secret: who gets in, what is read again, and that no secret is ever told.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeToken, SECRET } from "../packages/server/auth/tokens.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";

const READER = "reader-key-0123456789abcdef";
const LATER = "later-key-0123456789abcdef";
const directory = mkdtempSync(join(tmpdir(), "shardcast-security-"));
const keysFile = join(directory, "keys");
let instance: TestInstance;

beforeAll(async () => {
  writeFileSync(keysFile, `metrics:read:${READER}\n`);
  writeFileSync(join(directory, "secret"), `${SECRET}\n`);
  const flags = ["--jwt-secret-file", join(directory, "secret"), "--api-keys-file", keysFile];
  instance = await startInstance([...flags, "--shards", "1", "--log-level", "trace"]);
}, 60_000);

afterAll(async () => {
  await instance?.end();
  rmSync(directory, { recursive: true, force: true });
});

const readMetrics = (key: string) =>
  fetch(`${instance.admin}/metrics`, { headers: { "X-Api-Key": key } }).then(({ status }) => status);

async function logged(text: string): Promise<void> {
  while (!instance.log.some((line) => line.includes(text)))
    await new Promise((resolve) => setImmediate(resolve));
}

test("an instance with a secret asks for tokens, in whatever way they come", async () => {
  const url = instance.url.replace("ws:", "http:");
  const upgrade = {
    ...{ Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13" },
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const forged = `${(await makeToken()).slice(0, -6)}AAAAAA`;
  const asked = [
    fetch(url, { headers: upgrade }),
    fetch(`${url}?token=${forged}`, { headers: upgrade }),
    fetch(url, { headers: { ...upgrade, Authorization: `Bearer ${forged}` } }),
    fetch(url, {
      headers: { ...upgrade, "Sec-WebSocket-Protocol": `shardcast.v1, shardcast.token.${forged}` },
    }),
  ];
  for (const response of await Promise.all(asked)) {
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain(forged.slice(-40));
  }
  const socket = new WebSocket(`${instance.url}?token=${await makeToken()}`);
  await new Promise((resolve) => socket.addEventListener("message", resolve, { once: true }));
  socket.close();
});

test("SIGHUP reads the API keys again; a file that can not be used changes nothing", async () => {
  expect([await readMetrics(READER), await readMetrics(LATER)]).toEqual([200, 401]);
  writeFileSync(keysFile, `broken ${LATER}\n`);
  process.kill(instance.pid, "SIGHUP");
  await logged("the API keys stay as they were");
  expect([await readMetrics(READER), await readMetrics(LATER)]).toEqual([200, 401]);
  writeFileSync(keysFile, `metrics:read:${LATER}\n`);
  process.kill(instance.pid, "SIGHUP");
  await logged("API keys read again");
  expect([await readMetrics(READER), await readMetrics(LATER)]).toEqual([401, 200]);
});

test("nothing secret is in the log, at its most talkative", async () => {
  const text = instance.log.join("\n");
  expect(text).toContain("shard ready");
  const [, payload = ""] = (await makeToken({ expires: 1 })).split(".");
  for (const secret of [SECRET, READER, LATER, payload.slice(0, 20), "shardcast.token", "?token="]) {
    expect(text).not.toContain(secret);
  }
});
