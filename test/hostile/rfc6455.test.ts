// What the RFCs forbid, case by case, over real sockets against a real server, in plain text and over TLS. The tables say what
// is sent, what the RFC wants, and where this server does otherwise.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RawSocket } from "../../packages/server/gateway/rawSocket.fixture.ts";
import type { ServerFrame } from "../../packages/server/gateway/serverFrames.fixture.ts";
import { until } from "../status.fixture.ts";
import { text } from "./clientFrame.ts";
import { FRAME_CASES, type FrameCase, type FrameReaction } from "./frameCases.ts";
import { HANDSHAKE_CASES, type HandshakeReaction } from "./handshakeCases.ts";
import { type HostileInstance, startHostileInstance } from "./hostileInstance.fixture.ts";

/** Nobody else asks with it, so its answer is the last one. */
const LAST_ID = 77;
const LAST_REQUEST = text(`{"type":"ping","id":${LAST_ID}}`);
const LAST_HTTP = { request: "POST /live HTTP/1.1\r\nHost: x\r\n\r\n", status: 405, text: "/live takes" };
const GROWTH_BYTES_MAX = 64 << 20;

for (const transport of ["plain", "tls"] as const) {
  describe(`over ${transport}`, () => {
    let server: HostileInstance;
    let bystander: RawSocket;
    const connect = () => RawSocket.upgraded(server.port, "/ws", transport);

    const play = async ({ sends, ...each }: FrameCase) => {
      const reaction = each.here?.reaction ?? each.rfc;
      const socket = await connect();
      for (const bytes of sends) socket.write(bytes);
      if (reaction.kind === "serves") {
        socket.write(LAST_REQUEST);
        await socket.until(`"type":"pong","id":${LAST_ID}`);
      } else await socket.closed;
      expect(seenOf(socket)).toEqual(reaction);
      socket.close();
    };

    beforeAll(async () => {
      server = await startHostileInstance(transport, ["--max-accepts-per-second", "100000"]);
      bystander = await connect();
    }, 60_000);
    afterAll(async () => {
      bystander?.close();
      await server?.end();
    });

    test.each(FRAME_CASES.map((each) => [each.title, each] as const))("frames: %s", async (_, each) => {
      await play(each);
    });

    test.each(HANDSHAKE_CASES.map((each) => [each.title, each] as const))(
      "handshake: %s",
      async (_, each) => {
        const reaction = each.here?.reaction ?? each.rfc;
        const socket = await RawSocket.open(server.port, transport);
        socket.write(Buffer.from(each.sends, "latin1"));
        if (reaction.kind === "opens") {
          await socket.until('"type":"welcome"');
          socket.write(LAST_REQUEST);
          await socket.until(`"type":"pong","id":${LAST_ID}`);
          const { subprotocol } = reaction;
          expect(socket.received).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
          expect(/^Sec-WebSocket-Protocol: (.*)\r$/m.exec(socket.received)?.[1]).toBe(subprotocol);
          expect(socket.received).not.toContain("Sec-WebSocket-Extensions");
        } else {
          const isLast = await endOf(socket, reaction);
          expect(statusesOf(socket)).toEqual([...expectedStatuses(reaction), ...isLast]);
          if (reaction.kind === "refuses" && !reaction.ends && !each.sends.startsWith("HEAD"))
            expect(socket.received).toContain(`"code":"${reaction.counted}"`);
        }
        expect(socket.received).not.toMatch(/evil|<html|packages\/|\bat #/i);
        socket.close();
      },
    );

    test("each end and each refusal has been counted, and nobody else has noticed", async () => {
      const frames = FRAME_CASES.map((each) => each.here?.reaction ?? each.rfc);
      for (const code of [1000, 1001, 1002, 1005, 1007, 1009]) {
        const ended = frames.filter((each) => each.kind === "closes" && (each.code ?? 1005) === code);
        await until(
          "it is so",
          async () => (await server.figure("closes_total", `code="${code}"`)) === ended.length,
        );
      }
      const answers = frames.flatMap((each) => each.answers).filter((answer) => answer.startsWith("error "));
      expect(await server.figure("request_refusals_total")).toBe(answers.length);
      const reasons = HANDSHAKE_CASES.map((each) => each.here?.reaction ?? each.rfc).flatMap((each) =>
        each.kind === "refuses" && each.counted !== undefined ? [each.counted] : [],
      );
      for (const reason of new Set(reasons)) {
        const refused = reasons.filter((each) => each === reason).length;
        expect(await server.figure("handshake_refusals_total", `reason="${reason}"`)).toBe(refused);
      }
      expect(await server.figure("request_failures_total")).toBe(0);
      bystander.write(LAST_REQUEST);
      await bystander.until(`"type":"pong","id":${LAST_ID}`);
    });

    test("all of it over and over takes no files and little memory", async () => {
      const round = async () => {
        for (let i = 0; i < FRAME_CASES.length; i += 20) {
          await Promise.all(FRAME_CASES.slice(i, i + 20).map(play));
        }
        await until("it is so", async () => (await server.figure("connections")) === 1);
      };
      for (let i = 0; i < 3; i++) await round();
      const before = await server.memory();
      for (let i = 0; i < 5; i++) await round();
      await until("it is so", async () => (await server.memory()).files <= before.files);
      expect((await server.memory()).rssBytes - before.rssBytes).toBeLessThan(GROWTH_BYTES_MAX);
    }, 60_000);
  });
}

test("docs/security.md names every deviation", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/security.md"), "utf8");
  const named = [...FRAME_CASES, ...HANDSHAKE_CASES].filter((each) => each.here !== undefined);
  expect(named.filter(({ title }) => !page.includes(`| ${title} |`))).toEqual([]);
});

/** Frames since the welcome, without the answer to the last request. */
function seenOf(socket: RawSocket): FrameReaction {
  const frames = socket.frames.slice(1);
  const answers = frames
    .filter(({ opcode }) => opcode !== 8)
    .map(answerOf)
    .filter((answer) => answer !== `answer ${LAST_ID}`);
  if (!frames.some(({ opcode }) => opcode === 8)) return { kind: "serves", answers };
  return { kind: "closes", code: socket.closeCode, answers };
}

function answerOf({ opcode, payload }: ServerFrame): string {
  if (opcode !== 1) return `${opcode === 10 ? "pong" : `opcode ${opcode}`} ${payload.toString()}`;
  const message = JSON.parse(payload.toString()) as { type: string; id?: number; code?: string };
  return message.type === "error" ? `error ${message.code}` : `answer ${message.id}`;
}

/** Waits for all that comes. Where the connection stays, a last request is answered behind whatever was taken for one. */
async function endOf(socket: RawSocket, reaction: HandshakeReaction): Promise<readonly number[]> {
  const ends = reaction.kind === "ends" || (reaction.kind === "refuses" && reaction.ends);
  if (ends) {
    await socket.closed;
    return [];
  }
  socket.write(LAST_HTTP.request);
  await socket.until(LAST_HTTP.text);
  return [LAST_HTTP.status];
}

function statusesOf(socket: RawSocket): readonly number[] {
  return [...socket.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

function expectedStatuses(reaction: HandshakeReaction): readonly number[] {
  if (reaction.kind === "refuses") return [reaction.status];
  return reaction.kind === "answers" ? reaction.statuses : [];
}
