// A whole instance with everything that is secret: who gets in, what is read again, and that no secret is ever told.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shardcast } from "../packages/cli/cli.fixture.ts";
import { connect } from "../packages/client/client.ts";
import { makeToken, SECRET } from "../packages/server/auth/tokens.fixture.ts";
import { refusedHandshake } from "../packages/server/gateway/refusedHandshake.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { makeCertificates } from "./services/certificates.ts";
import { connectTrusting, fingerprintAt } from "./services/tlsPeer.ts";

const READER = "reader-key-0123456789abcdef";
const PUBLISHER = "publisher-key-0123456789abcdef";
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

async function logged(text: string, by = instance): Promise<void> {
  while (!by.log.some((line) => line.includes(text))) await new Promise((resolve) => setImmediate(resolve));
}

test("an instance with a secret asks for tokens, in whatever way they come", async () => {
  const { url } = instance;
  const forged = `${(await makeToken()).slice(0, -6)}AAAAAA`;
  const asked = [
    refusedHandshake(url),
    refusedHandshake(`${url}?token=${forged}`),
    refusedHandshake(url, { Authorization: `Bearer ${forged}` }),
    refusedHandshake(url, { "Sec-WebSocket-Protocol": `shardcast.v1, shardcast.token.${forged}` }),
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
  writeFileSync(keysFile, `metrics:read:${LATER}\nfeed:publish:${PUBLISHER}\n`);
  process.kill(instance.pid, "SIGHUP");
  await logged("API keys read again");
  expect([await readMetrics(READER), await readMetrics(LATER)]).toEqual([401, 200]);
});

test("tail and publish take token and key from a flag, a variable or a file, and say what is wrong without", async () => {
  const tokenFile = join(directory, "token");
  const keyFile = join(directory, "key");
  writeFileSync(tokenFile, `${await makeToken()}\n`);
  writeFileSync(keyFile, `${PUBLISHER}\n`);
  const tail = ["tail", "a.x", "--url", instance.url, "--count", "1", "--snapshot"];
  const publish = ["publish", "a.x", '"hello"', "--url", instance.admin];
  for (const [args, options] of [
    [[...publish, "--api-key-file", keyFile], {}],
    [publish, { env: { SHARDCAST_API_KEY: PUBLISHER } }],
    [publish, { env: { SHARDCAST_API_KEY_FILE: keyFile, SHARDCAST_PORT: "3000" } }],
    [[...tail, "--token-file", tokenFile], {}],
    [[...tail, "--token", await makeToken()], {}],
    [tail, { env: { SHARDCAST_TOKEN_FILE: tokenFile } }],
  ] as const) {
    const { stderr, exitCode } = await shardcast(args, options);
    expect({ args: args[0], stderr: exitCode === 0 ? "" : stderr, exitCode }).toMatchObject({ exitCode: 0 });
  }
  const forged = `${(await makeToken()).slice(0, -6)}AAAAAA`;
  const refused: ReadonlyArray<readonly [readonly string[], RegExp]> = [
    [publish, /key_required[\s\S]*--api-key-file/],
    [[...publish, "--api-key", "wrong-key-of-somebody"], /key_invalid/],
    [[...publish, "--api-key", LATER], /scope_missing[\s\S]*publish/],
    [tail, /token_required[\s\S]*--token-file/],
    [[...tail, "--token", forged], /token_invalid/],
    [["tail", "b", "--url", instance.url, "--token-file", tokenFile], /channel_forbidden/],
  ];
  for (const [args, text] of refused) {
    const { stderr, exitCode } = await shardcast(args);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(text);
    for (const secret of [forged.slice(-40), "wrong-key", LATER]) expect(stderr).not.toContain(secret);
  }
}, 60_000);

test("a client of the SDK replaces a token that is about to end, and goes on with what it had", async () => {
  let asked = 0;
  // Shorter than the warning, so that the server warns at once.
  const token = () => makeToken(asked++ === 0 ? { expires: Math.floor(Date.now() / 1000) + 20 } : {});
  const errors: unknown[] = [];
  const client = connect(instance.url, { token, onError: (error) => errors.push(error) });
  const messages = client.subscribe("a.y");
  await messages.ready;
  const metrics = () =>
    fetch(`${instance.admin}/metrics`, { headers: { "X-Api-Key": LATER } }).then((answer) => answer.text());
  while (!/^shardcast_tokens_refreshed_total\{.*\} 1$/m.test(await metrics())) expect(errors).toEqual([]);
  const published = await fetch(`${instance.admin}/api/publish`, {
    method: "POST",
    headers: { "X-Api-Key": PUBLISHER },
    body: '{"channel":"a.y","data":"still here"}',
  });
  expect(published.status).toBe(200);
  for await (const { data } of messages) {
    expect(data).toBe("still here");
    break;
  }
  expect([asked, client.stats.reconnects, errors]).toEqual([2, 0, []]);
  await client.close();
});

test("nothing secret is in the log, at its most talkative", async () => {
  const text = instance.log.join("\n");
  expect(text).toContain("shard ready");
  const [, payload = ""] = (await makeToken({ expires: 1 })).split(".");
  for (const secret of [
    SECRET,
    READER,
    LATER,
    PUBLISHER,
    payload.slice(0, 20),
    "shardcast.token",
    "?token=",
  ]) {
    expect(text).not.toContain(secret);
  }
});

test("SIGHUP shows the new certificate at all shards; clients stay, and no key is in the log", async () => {
  const identities = ["a", "b"].map((name) => {
    mkdirSync(join(directory, name));
    return makeCertificates(join(directory, name)).server;
  });
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const write = (identity: { readonly cert: string; readonly key: string } | undefined) => {
    writeFileSync(cert, identity?.cert ?? "");
    writeFileSync(key, identity?.key ?? "");
  };
  write(identities[0]);
  const flags = ["--tls-cert", cert, "--tls-key", key, "--shards", "2", "--log-level", "trace"];
  const encrypted = await startInstance(flags);
  try {
    const port = encrypted.port;
    const before = await fingerprintAt(port);
    const sockets = Array.from({ length: 8 }, () => connectTrusting(encrypted.url));
    await Promise.all(
      sockets.map(
        (socket) => new Promise((resolve) => socket.addEventListener("message", resolve, { once: true })),
      ),
    );
    let closed = 0;
    for (const socket of sockets) socket.addEventListener("close", () => closed++);
    writeFileSync(key, identities[1]?.key ?? "");
    process.kill(encrypted.pid, "SIGHUP");
    await logged("the certificate stays as it was", encrypted);
    expect(await fingerprintAt(port)).toBe(before);
    write(identities[1]);
    process.kill(encrypted.pid, "SIGHUP");
    await logged("certificate read again", encrypted);
    // The shards hear of it one by one; a handshake in that very moment may be reset, and is made again.
    for (let inRow = 0; inRow < 30; ) {
      const seen = await fingerprintAt(port).catch(() => before);
      inRow = seen === before ? 0 : inRow + 1;
    }
    const answered = sockets.map(
      (socket) => new Promise((resolve) => socket.addEventListener("message", resolve, { once: true })),
    );
    for (const socket of sockets) socket.send('{"type":"ping","id":1}');
    await Promise.all(answered);
    expect(closed).toBe(0);
    for (const socket of sockets) socket.close();
    const text = encrypted.log.join("\n");
    expect(text).toMatch(/read again/);
    for (const secret of identities.map(({ key }) => key.split("\n")[3] ?? ""))
      expect(text).not.toContain(secret);
  } finally {
    await encrypted.end();
  }
}, 60_000);
