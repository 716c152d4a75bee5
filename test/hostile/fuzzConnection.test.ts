// Seeded fuzzing of a real server over real sockets: requests, frames, handshakes, event streams, and the admin port. Whatever comes,
// nothing dies, nothing grows, nobody else notices, and each refusal has a code.
import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { STATUSES } from "../../packages/server/admin/publishRequest.ts";
import { GUARD_STATUSES } from "../../packages/server/auth/adminGuard.ts";
import { RawSocket } from "../../packages/server/gateway/rawSocket.fixture.ts";
import { until } from "../status.fixture.ts";
import { clientFrame, closeFrame, text } from "./clientFrame.ts";
import { bytesLike, samples, textLike } from "./fuzz.fixture.ts";
import { handshake } from "./handshakeCases.ts";
import { type HostileInstance, startHostileInstance } from "./hostileInstance.fixture.ts";
import { MARK, REQUESTS } from "./originals.fixture.ts";

const TEST_MS = 60_000;
const GROWTH_BYTES_MAX = 64 << 20;
/** Fewer than the refusals for which a client is sent away. */
const REQUESTS_OF_EACH = 40;

let server: HostileInstance;
let bystander: RawSocket;

beforeAll(async () => {
  // The bystander asks after each step, and these are fast.
  const rates = ["--max-accepts-per-second", "100000", "--max-requests-per-second", "100000"];
  server = await startHostileInstance("plain", rates);
  bystander = await RawSocket.upgraded(server.port);
}, TEST_MS);
afterAll(async () => {
  bystander?.close();
  await server?.end();
});

let lastId = 1000;
/** Everything that was sent before has been taken, and the server turns. */
async function bystanderIsServed(): Promise<void> {
  lastId += 1;
  bystander.write(text(`{"type":"ping","id":${lastId}}`));
  await bystander.until(`"type":"pong","id":${lastId}`);
}

const nobodyElseIsThere = () =>
  until("the others are gone", async () => (await server.figure("connections")) === 1);

async function playRequests(runs: number): Promise<void> {
  const before = await server.figure("requests_total");
  const requests = samples(textLike(REQUESTS), runs);
  for (let i = 0; i < requests.length; i += REQUESTS_OF_EACH) {
    const socket = await RawSocket.upgraded(server.port);
    const own = requests.slice(i, i + REQUESTS_OF_EACH);
    for (const request of own) socket.write(text(request));
    const answers = () =>
      socket.messages
        .map((each) => JSON.parse(each) as { type: string })
        .filter(({ type }) => ANSWERS.has(type));
    while (answers().length < own.length) await new Promise((resolve) => setImmediate(resolve));
    socket.write(text('{"type":"ping","id":77}'));
    await socket.until('"type":"pong","id":77');
    expect(answers().length).toBe(own.length + 1);
    socket.close();
  }
  const connections = Math.ceil(requests.length / REQUESTS_OF_EACH);
  expect((await server.figure("requests_total")) - before).toBe(requests.length + connections);
}

const ANSWERS: ReadonlySet<string> = new Set([
  "subscribed",
  "unsubscribed",
  "pong",
  "error",
  "authenticated",
]);

async function playFrames(runs: number): Promise<void> {
  const originals = [
    text('{"type":"ping","id":1}'),
    clientFrame({ opcode: 1, payload: "{", isLast: false }),
    clientFrame({ opcode: 2, payload: "x".repeat(300) }),
    clientFrame({ opcode: 9, payload: "x" }),
    closeFrame(1000, "bye"),
  ];
  const sent = samples(fc.array(bytesLike(originals), { minLength: 1, maxLength: 6 }), runs);
  for (let i = 0; i < sent.length; i += 50) {
    const sockets = await Promise.all(
      sent.slice(i, i + 50).map(async (pieces) => {
        const socket = await RawSocket.upgraded(server.port);
        for (const piece of pieces) socket.write(piece);
        return socket;
      }),
    );
    await bystanderIsServed();
    // Throws where the server has sent what is no frame.
    for (const socket of sockets) expect(socket.frames.length).toBeGreaterThan(0);
    for (const socket of sockets) socket.close();
  }
  await nobodyElseIsThere();
}

async function playHandshakes(runs: number): Promise<void> {
  const originals = [
    handshake(),
    handshake({ line: "POST /ws HTTP/1.1", lines: ["Content-Length: 5"], body: "hello" }),
    handshake({ line: "GET /sse?channels=a HTTP/1.1", lines: [`Last-Event-ID: ${MARK}`] }),
    handshake({
      line: "GET /ws?token=a.b.c HTTP/1.1",
      lines: ["Origin: https://x", "X-Forwarded-For: 192.0.2.1"],
    }),
    handshake({ line: "GET /health HTTP/1.1", lines: ["Transfer-Encoding: chunked"], body: "0\r\n\r\n" }),
  ];
  const requests = samples(textLike(originals), runs);
  for (let i = 0; i < requests.length; i += 50) {
    const sockets = await Promise.all(
      requests.slice(i, i + 50).map(async (request) => {
        const socket = await RawSocket.open(server.port);
        socket.write(`${request}\r\n\r\n`);
        return socket;
      }),
    );
    await bystanderIsServed();
    for (const socket of sockets) {
      expect(socket.received).not.toMatch(/HTTP\/1.1 500|<html|packages\//i);
      socket.close();
    }
  }
  await nobodyElseIsThere();
}

async function playEventStreams(runs: number): Promise<void> {
  const queries = textLike([
    "channels=a,b.*&snapshot=true",
    `channels=a&since=${MARK}`,
    "channels=a&encoding=deflate",
  ]);
  const ids = textLike(["k3f9abc:991", MARK]).map((id) => id.replace(/[^\x20-\xff]/g, ""));
  for (const [query, id] of samples(fc.tuple(queries, ids), runs)) {
    const abort = new AbortController();
    const url = new URL(`http://127.0.0.1:${server.port}/sse?${query}`);
    const answer = await fetch(url, { headers: { "Last-Event-ID": id }, signal: abort.signal });
    expect([200, 400]).toContain(answer.status);
    if (answer.status === 400) expect(await codeOf(answer)).toBe("bad_request");
    abort.abort();
  }
  await nobodyElseIsThere();
}

async function playAdminPort(runs: number): Promise<void> {
  const bodies = [
    '{"channel":"a.b","data":{"x":[1,2.0,"y"]}}',
    '[{"channel":"a","data":null},{"data":1,"channel":"b"}]',
  ];
  const paths = textLike([
    "/api/publish",
    "/api/channels",
    "/metrics",
    "/api/instance",
    "/health?x=1",
  ]).filter(
    // Those that end the instance, or move its clients, do what they are for.
    (path) => !/drain|rebalance/.test(path),
  );
  const request = fc.record({
    path: fc.oneof({ weight: 3, arbitrary: fc.constant("/api/publish") }, paths),
    method: fc.constantFrom("POST", "POST", "POST", "GET", "PUT", "DELETE"),
    body: textLike(bodies),
    origin: fc.option(textLike([server.instance.admin, "https://x"]), { freq: 5 }),
  });
  for (const { path, method, body, origin } of samples(request, runs)) {
    const base = server.instance.admin;
    if (!URL.canParse(path, base) || new URL(path, base).host !== new URL(base).host) continue;
    const answer = await fetch(new URL(path, base), {
      method,
      ...(method !== "GET" && { body }),
      ...(origin !== null && { headers: { Origin: origin.replace(/[^\x20-\x7e]/g, "") } }),
    });
    if (answer.ok) await answer.bytes();
    else expect(ADMIN_CODES).toContain(await codeOf(answer));
  }
}

const ADMIN_CODES = [
  ...Object.keys(STATUSES),
  ...Object.keys(GUARD_STATUSES),
  "not_found",
  "method_not_allowed",
];

async function codeOf(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  expect(error.message.length).toBeGreaterThan(0);
  return error.code;
}

test("each request of a client has one answer", () => playRequests(10_000), TEST_MS);
test("frames that are nearly right cost their own connection only", () => playFrames(3000), TEST_MS);
test("handshakes that are nearly right find no defect", () => playHandshakes(3000), TEST_MS);
test("event streams are refused with a code that says why", () => playEventStreams(1000), TEST_MS);
test("the admin port answers everything with a code of its own", () => playAdminPort(4000), TEST_MS);

test(
  "a body that nobody asked for is not kept, whatever request it comes with",
  async () => {
    const mebibyte = Buffer.alloc(1 << 20, 0x61);
    const before = await server.memory();
    for (const line of ["GET /sse?channels=a HTTP/1.1", "POST /live HTTP/1.1", "GET /ws HTTP/1.1"]) {
      const sockets = await Promise.all(Array.from({ length: 10 }, () => RawSocket.open(server.port)));
      for (const socket of sockets) {
        socket.write(handshake({ line, lines: [`Content-Length: ${100 << 20}`] }));
        await socket.until("HTTP/1.1 ");
        for (let i = 0; i < 20; i++) socket.write(mebibyte);
      }
      for (let i = 0; i < 20; i++) await bystanderIsServed();
      expect((await server.memory()).rssBytes - before.rssBytes).toBeLessThan(GROWTH_BYTES_MAX);
      for (const socket of sockets) socket.close();
    }
    await nobodyElseIsThere();
  },
  TEST_MS,
);

test(
  "all of it over and over takes no files and little memory, and has found no defect",
  async () => {
    const round = async () => {
      await playRequests(400);
      await playFrames(200);
      await playHandshakes(200);
      await playEventStreams(50);
      await playAdminPort(100);
    };
    await round();
    const before = await server.memory();
    for (let i = 0; i < 5; i++) await round();
    await until("files are given back", async () => (await server.memory()).files <= before.files);
    expect((await server.memory()).rssBytes - before.rssBytes).toBeLessThan(GROWTH_BYTES_MAX);
    expect(await server.figure("request_failures_total")).toBe(0);
    expect(await server.figure("shard_restarts_total")).toBe(0);
    expect(bystander.closeCode).toBeUndefined();
  },
  TEST_MS,
);
