// What is legal in the case table, sent by clients that others have written: what our own sockets take for a frame is not all that
// says that the server is right.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { finished } from "../services/finished.ts";
import { nodeProgram } from "../services/node.ts";
import { pythonWithWebsockets } from "../services/pythonWebsockets.ts";
import { type HostileInstance, startHostileInstance } from "./hostileInstance.fixture.ts";
import { LEGAL_SEQUENCES, type SequenceResult } from "./legalSequences.ts";

const CLIENTS = [
  { name: "ws", program: nodeProgram(), script: "wsClient.mjs" },
  { name: "python3-websockets", program: pythonWithWebsockets(), script: "websocketsClient.py" },
] as const;
const TEST_MS = 60_000;

describe.each(["plain", "tls"] as const)("over %s", (transport) => {
  let server: HostileInstance;
  beforeAll(async () => {
    server = await startHostileInstance(transport);
  }, TEST_MS);
  afterAll(() => server?.end());

  for (const { name, program, script } of CLIENTS) {
    test.skipIf(program === undefined)(
      `${name} sends all that is legal, and is answered and closed as it should be`,
      async () => {
        const path = join(import.meta.dir, script);
        const child = Bun.spawn([program ?? "", path, server.instance.url], {
          stdin: Buffer.from(JSON.stringify(LEGAL_SEQUENCES)),
          stdout: "pipe",
          stderr: "pipe",
        });
        const { stdout: output, stderr, exitCode } = await finished(child);
        expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
        const results = (JSON.parse(output) as SequenceResult[]).map(({ answers, ...rest }) => ({
          ...rest,
          answers: answers.map((answer) => (JSON.parse(answer) as { type: string }).type),
        }));
        expect(results).toEqual(
          LEGAL_SEQUENCES.map(({ title, messages, close }) => ({
            ...{ title, close, answers: messages.map(() => "pong") },
            pongs: messages.reduce(
              (sum, { fragments, ping }) => sum + (ping === undefined ? 0 : fragments.length - 1),
              0,
            ),
          })),
        );
      },
      TEST_MS,
    );
  }
});
