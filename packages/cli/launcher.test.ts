import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { VERSION } from "@shardcast/server/version";
import { nodeProgram } from "../../test/services/node.ts";
import { freePorts } from "../../test/services/ports.ts";
import { until } from "../../test/services/until.ts";
import { readLines, shardcast, start } from "./cli.fixture.ts";

const node = nodeProgram() ?? "node";
const pathOf = (name: string) => new URL(name, import.meta.url).pathname;
const BIN = [node, pathOf("bin.mjs")];
const TEST_MS = 60_000;

describe.skipIf(nodeProgram() === undefined)("from plain Node", () => {
  test("bin.mjs runs the command, and hands back its exit code", async () => {
    const run = (...args: string[]) => shardcast(args, { program: BIN });
    expect(await run("--version")).toEqual({ exitCode: 0, stdout: `${VERSION}\n`, stderr: "" });
    expect((await run("sevre")).exitCode).toBe(2);
  });

  test.each([
    ["bin.mjs", BIN],
    ["run.mjs", [node, pathOf("../../scripts/run.mjs"), pathOf("main.ts")]],
  ])(
    "a server whose %s was killed ends in order, and gives its ports back",
    async (_, program) => {
      const [port = 0, adminPort = 0] = await freePorts(2);
      const flags = ["--host", "127.0.0.1", "--port", `${port}`, "--admin-port", `${adminPort}`];
      const launcher = start(["serve", ...flags, "--shards", "1"], { program });
      await readLines(launcher.stdout, 3);
      expect(await isTaken(port)).toBe(true);
      launcher.kill("SIGKILL");
      await until(async () => !(await isTaken(port)) && !(await isTaken(adminPort)));
      expect(await new Response(launcher.stderr).text()).toContain('"msg":"ended"');
    },
    TEST_MS,
  );
});

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
