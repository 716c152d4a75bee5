import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "../../test/instance.fixture.ts";
import { type Finished, finished } from "../../test/services/finished.ts";
import { shardcast } from "./cli.fixture.ts";
import { onTerminal } from "./terminal.fixture.ts";

const COLOR = "\x1b[3";
const MAIN = new URL("main.ts", import.meta.url).pathname;
const TEST_MS = 30_000;

/** Runs a pipeline of a shell in which `$S` is `shardcast`; prints the exit code of its first command last. */
async function pipeline(text: string): Promise<Finished> {
  const child = Bun.spawn(["bash", "-c", `${text}; echo "exit \${PIPESTATUS[0]}"`], {
    env: { PATH: process.env["PATH"] ?? "", S: `${process.execPath} ${MAIN}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return await finished(child);
}

describe("colours", () => {
  const COMMANDS: readonly (readonly string[])[] = [
    ["--help"],
    ["tail", "--help"],
    ["check-config"],
    ["plan"],
    ["doctor"],
    ["sevre"],
  ];

  test.each(COMMANDS)(
    "%s %s: on a terminal alone",
    async (...args) => {
      const seen = onTerminal(args);
      const piped = await shardcast(args);
      await seen.exited;
      expect(seen.shown()).toContain(COLOR);
      expect(piped.stdout + piped.stderr).not.toContain("\x1b");
    },
    TEST_MS,
  );

  test(
    "NO_COLOR and a dumb terminal take them away, FORCE_COLOR gives them to a pipe",
    async () => {
      for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }, { FORCE_COLOR: "0" }]) {
        const seen = onTerminal(["--help"], env);
        await seen.exited;
        expect(seen.shown()).toContain("Commands");
        expect(seen.shown()).not.toContain(COLOR);
      }
      expect((await shardcast(["--help"], { env: { FORCE_COLOR: "1" } })).stdout).toContain(COLOR);
      expect((await shardcast(["sevre"], { env: { FORCE_COLOR: "1" } })).stderr).toContain(COLOR);
    },
    TEST_MS,
  );

  test("none is ever in JSON", async () => {
    const { stdout } = await shardcast(["plan", "--json"], { env: { FORCE_COLOR: "1" } });
    expect(stdout).not.toContain("\x1b");
  });
});

describe("a reader that has enough", () => {
  test.each([
    ["$S --help | true", 0],
    ["$S plan | true", 0],
    ["$S plan --json | head -1 > /dev/null", 0],
    ["$S plan --connections 5000000 --instances 1 | head -1 > /dev/null", 1],
    ["$S sevre 2>&1 | true", 2],
    ["$S tail x --url ws://127.0.0.1:1/ws 2>&1 | head -1 > /dev/null", 0],
  ])(
    "%s: no word about it, and the exit code is that of what was found",
    async (line, code) => {
      expect(await pipeline(line)).toEqual({ exitCode: 0, stdout: `exit ${code}\n`, stderr: "" });
    },
    TEST_MS,
  );

  test("an output that is full is told, with the next step", async () => {
    const { stdout, stderr } = await pipeline("$S plan > /dev/full");
    expect(stdout).toBe("exit 1\n");
    expect(stderr).toContain("standard output cannot be written: ENOSPC");
    expect(stderr).toContain("→");
  });
});

describe("words that cannot be meant are refused with what was meant", () => {
  test.each([
    [["--versoin"], "Did you mean --version?"],
    [["--json", "doctor"], "Flags follow the command"],
    [["help", "tial"], "Did you mean tail?"],
    [["plan", "autoscal"], "Did you mean plan autoscale?"],
    [["loadtest", "comapre", "a", "b"], "Did you mean loadtest compare?"],
    [["loadtest", "compare", "a"], "expected two reports"],
    [["loadtest", "--json", "x.json"], "--report x.json"],
    [["plan", "--connections", "5", "autoscale"], "autoscale belongs to no flag"],
    [["doctor", "--jsn"], "Did you mean --json?"],
    [["doctor", "--clients", "5"], "Did you mean --connections?"],
    [["plan", "--clients=5"], "Did you mean --connections?"],
    [["plan", "autoscale", "--clinets=5"], "Did you mean --connections?"],
    [["loadtest", "--clients", "5"], "Did you mean --connections?"],
    [["health", "extra"], "extra belongs to no flag"],
    [["doctor", "--root", "/nowhere"], "there is no proc/sys in /nowhere"],
    [["tail", "a", "--url"], "--url: needs a value"],
    [["loadtest", "--spike", "3"], 'got "3"'],
    [["loadtest", "--scenario", "smoke"], "Did you mean loadtests/smoke.yaml?"],
    [["plan", "--prices", "/nowhere.yaml"], "the prices in /nowhere.yaml cannot be read (ENOENT)"],
  ])(
    "%j",
    async (args, told) => {
      const { exitCode, stdout, stderr } = await shardcast(args);
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(told);
      expect(stderr).toContain("→");
    },
    TEST_MS,
  );

  test.each([
    [["health", "--url", "http://::::"], "it is no URL"],
    [["publish", "a", "1", "--url", "http://[1"], "it is no URL"],
    [["publish", "a", "1", "--url", "127.0.0.1:3001"], "such as http://127.0.0.1:3001"],
    [["tail", "a", "--url", "ws://:::"], "it is no URL"],
    [["tail", "a", "--url", "tcp://x"], "such as ws://x"],
    [["loadtest", "--urls", "http://x"], "such as ws://x"],
    [["loadtest", "--admins", "x:3001"], "such as http://x:3001"],
  ])(
    "a bad URL: %j",
    async (args, told) => {
      const { exitCode, stderr } = await shardcast(args);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(told);
    },
    TEST_MS,
  );
});

test.each([
  [["health", "--url", "http://127.0.0.1:1"], "nothing listens on port 1 of 127.0.0.1"],
  [["publish", "a", "1", "--url", "http://nohost.invalid"], "there is no host nohost.invalid"],
  [
    ["loadtest", "--urls", "ws://127.0.0.1:1/ws", "--without-metrics", "--publish", "none"],
    "nothing listens",
  ],
])(
  "%j: a server that is not there is told at once, with the next step",
  async (args, told) => {
    const { exitCode, stdout, stderr } = await shardcast(args);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(told);
    expect(stderr).toContain("Is `shardcast serve` running there?");
  },
  TEST_MS,
);

describe("with a server", () => {
  let server: TestInstance;
  beforeAll(async () => {
    server = await startInstance(["--shards", "1", "--demo"]);
  });
  afterAll(async () => {
    await server.end();
  });

  test(
    "a tail whose reader has enough ends without a word",
    async () => {
      const { stdout, stderr } = await pipeline(`$S tail 'BTC.*' --json --url ${server.url} | head -2`);
      const [first = "", second = "", ...rest] = stdout.split("\n");
      expect([first, second].map((line) => JSON.parse(line).channel)).toEqual([
        expect.stringMatching(/^BTC\./),
        expect.stringMatching(/^BTC\./),
      ]);
      expect({ rest, stderr }).toEqual({ rest: ["exit 0", ""], stderr: `connected to ${server.url}\n` });
    },
    TEST_MS,
  );

  test(
    "Ctrl-C ends a tail in order",
    async () => {
      const tail = onTerminal(["tail", "quiet", "--url", server.url]);
      await tail.until("connected to");
      tail.type("\x03");
      expect(await tail.exited).toBe(0);
      expect(tail.shown()).not.toContain("rror");
    },
    TEST_MS,
  );

  test(
    "Ctrl-C ends the wait for a message that nobody types, with the shell's exit code",
    async () => {
      const publish = onTerminal(["publish", "a", "-", "--url", server.admin]);
      publish.type("[1,\r");
      await publish.until("[1,");
      publish.type("\x03");
      expect(await publish.exited).toBe(130);
      expect(publish.shown()).not.toContain("rror");
    },
    TEST_MS,
  );

  test(
    "Ctrl-C ends the wait for an answer that does not come",
    async () => {
      const asked = Promise.withResolvers<void>();
      using silent = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: () => {
          asked.resolve();
          return new Promise<Response>(() => undefined);
        },
      });
      const publish = onTerminal(["publish", "a", "1", "--url", silent.url.origin]);
      await asked.promise;
      publish.type("\x03");
      expect(await publish.exited).toBe(130);
      expect(publish.shown()).not.toContain("answer");
    },
    TEST_MS,
  );

  test(
    "Ctrl-C ends a server in order, and a second server on its port is refused with the next step",
    async () => {
      const flags = ["--host", "127.0.0.1", "--shards", "1", "--admin-port", "0"];
      const taken = await shardcast(["serve", ...flags, "--port", new URL(server.url).port]);
      expect(taken.exitCode).toBe(1);
      expect(taken.stderr).toContain("is taken");
      expect(taken.stderr).toContain("choose another --port");
      const serve = onTerminal(["serve", ...flags, "--port", "0"]);
      await serve.until("publish  ");
      // Both ports are told as they came out.
      const [, admin = ""] = /health +(http:\S+)\/health/.exec(serve.shown()) ?? [];
      expect((await fetch(`${admin}/live`)).status).toBe(200);
      serve.type("\x03");
      expect(await serve.exited).toBe(0);
    },
    TEST_MS,
  );
});
