// Tokens that are nearly right, in each way that a handshake can carry one: each that is not believed is counted, and none is told.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeToken, SECRET } from "../../packages/server/auth/tokens.fixture.ts";
import { RawSocket } from "../../packages/server/gateway/rawSocket.fixture.ts";
import { nearly, samples } from "./fuzz.fixture.ts";
import { handshake } from "./handshakeCases.ts";
import { type HostileInstance, startHostileInstance } from "./hostileInstance.fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "shardcast-tokens-"));
const REASONS = ["token_required", "token_invalid", "token_expired"];
let server: HostileInstance;

beforeAll(async () => {
  writeFileSync(join(directory, "secret"), SECRET);
  server = await startHostileInstance("plain", [
    ...["--jwt-secret-file", join(directory, "secret"), "--max-accepts-per-second", "100000"],
  ]);
}, 60_000);
afterAll(async () => {
  await server?.end();
  rmSync(directory, { recursive: true, force: true });
});

/** As a header's value or a part of a query may hold it. */
const WAYS: ReadonlyArray<(token: string) => string> = [
  (token) => handshake({ line: `GET /ws?token=${encodeURIComponent(token)} HTTP/1.1` }),
  (token) => handshake({ lines: [`Authorization: Bearer ${token}`] }),
  (token) => handshake({ lines: [`Sec-WebSocket-Protocol: shardcast.v1, shardcast.token.${token}`] }),
];

test("each is let in or refused with a reason that counts, and nothing of it is sent back", async () => {
  const token = await makeToken({ expires: 4_000_000_000 });
  const late = await makeToken({ expires: 1 });
  const tokens = samples(nearly([token, token, late, "a.b.c", ""]), 1000);
  const answered = { in: 0, refused: 0 };
  for (const [index, each] of tokens.entries()) {
    // What no header can hold is refused before it is a token.
    const sent = each.replace(/[^\x21-\x7e]/g, "");
    const socket = await RawSocket.open(server.port);
    socket.write(WAYS[index % WAYS.length]?.(sent) ?? "");
    await socket.until(/"type":"welcome"|"message":".*"\}\}/);
    const isIn = socket.received.includes(" 101 ");
    answered[isIn ? "in" : "refused"] += 1;
    if (!isIn) expect(socket.received).toMatch(/^HTTP\/1.1 401 [\s\S]*"code":"token_/);
    for (const part of token.split(".")) expect(socket.received).not.toContain(part);
    socket.close();
  }
  expect(answered.in).toBeGreaterThan(0);
  const counts = await Promise.all(
    REASONS.map((reason) => server.figure("handshake_refusals_total", `reason="${reason}"`)),
  );
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(answered.refused);
  expect(await server.figure("request_failures_total")).toBe(0);
  expect(server.instance.log.join("\n")).not.toContain(token.split(".")[1]);
}, 30_000);
