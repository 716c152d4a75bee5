import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flagOf, type Setting, variableOf } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { VERSION } from "@shardcast/server/version";
import { shardcast } from "./cli.fixture.ts";
import { COMMANDS } from "./commands.ts";
import { failureText } from "./failureText.ts";
import { commandHelp } from "./help.ts";
import { paint, printable } from "./paint.ts";

const settings: Setting[] = Object.values(SETTINGS);
const KAFKA = ["--kafka-brokers=127.0.0.1:1", "--kafka-topics=t"];

describe("help", () => {
  test("--help lists every command on stdout, and no command at all does so on stderr", async () => {
    const [asked, lost] = await Promise.all([shardcast(["--help"]), shardcast([])]);
    for (const name of Object.keys(COMMANDS)) expect(asked.stdout).toContain(`\n  ${name} `);
    expect(asked).toMatchObject({ exitCode: 0, stderr: "" });
    expect(lost).toEqual({ exitCode: 2, stdout: "", stderr: asked.stdout });
  });

  test.each(Object.entries(COMMANDS))(
    "%s explains each of its flags, within the width of a terminal",
    async (name, load) => {
      const command = await load();
      const help = commandHelp(command, paint(false));
      expect(command.name).toBe(name);
      expect(help).toContain(`Usage\n  shardcast ${name} `);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const setting of Object.values(command.settings)) {
        expect(help).toContain(`\n  ${flagOf(setting)} `.trimEnd());
        expect(help.replaceAll(/\s+/g, " ")).toContain(setting.doc);
        if (setting.where !== "flag") expect(help).toContain(variableOf(setting));
      }
      for (const line of help.split("\n"))
        if (!line.startsWith("  shardcast")) expect(line.length).toBeLessThanOrEqual(120);
    },
  );

  test("serve's help shows variables and defaults of the schema, grouped", async () => {
    const { stdout } = await shardcast(["serve", "--help"]);
    for (const setting of settings) expect(stdout).toContain(`${flagOf(setting)} `.trimEnd());
    expect(stdout).toContain(
      "\n  --port <n>  SHARDCAST_PORT\n      Public port, shared by all shards. 0 chooses a free one. Default: 3000\n",
    );
    expect(stdout).toContain("Default: 64MiB");
    expect(stdout).toContain("\nKafka\n");
  });

  test("help is given in whatever place it is asked for", async () => {
    const all = await Promise.all(
      [
        ["help", "tail"],
        ["tail", "-h"],
        ["tail", "x", "--help"],
      ].map((args) => shardcast(args)),
    );
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect(all.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  });

  test("no colour goes into a pipe", async () => {
    for (const env of [{}, { NO_COLOR: "1" }]) {
      expect((await shardcast(["--help"], { env })).stdout).not.toContain("\x1b");
    }
  });
});

test("--version prints the version alone", async () => {
  expect(await shardcast(["--version"])).toEqual({ exitCode: 0, stdout: `${VERSION}\n`, stderr: "" });
});

test("an unknown command is refused with the one that was meant", async () => {
  expect(await shardcast(["sevre"])).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: 'shardcast: there is no command "sevre"\n  → Did you mean serve?\n',
  });
});

describe("check-config", () => {
  test("every setting that holds is printed with where it comes from, as a file that would say the same", async () => {
    const directory = mkdtempSync(join(tmpdir(), "shardcast-test-"));
    try {
      const secret = join(directory, "password");
      writeFileSync(secret, "geheim\n");
      const env = { SHARDCAST_REGION: "eu", SHARDCAST_KAFKA_TLS: "1", SHARDCAST_KAFKA_SASL_USERNAME: "me" };
      const sasl = ["--kafka-sasl-mechanism=PLAIN", `--kafka-sasl-password-file=${secret}`];
      const first = await shardcast(["check-config", ...KAFKA, ...sasl, "--history-bytes=1MiB"], { env });
      expect(first).toMatchObject({ exitCode: 0, stderr: "" });
      expect(first.stdout).toContain('region: "eu" # SHARDCAST_REGION\n');
      expect(first.stdout).toContain("history-bytes: 1048576 # --history-bytes\n");
      expect(first.stdout).toContain('kafka-group: "shardcast.eu" # default\n');
      expect(first.stdout).toContain(`kafka-sasl-password-file: "${secret}" # --kafka-sasl-password-file\n`);
      expect(first.stdout).toEndWith("# ok\n");
      const path = join(directory, "printed.yaml");
      const printed = first.stdout.replace(/^demo-rate.*\n/m, "");
      writeFileSync(path, printed);
      const again = await shardcast(["check-config", "--config", path]);
      const values = (text: string) =>
        text.replaceAll(/ # .*/g, "").replace(/^(?:config|demo-rate): .*\n/gm, "");
      expect(again.stderr).toBe("");
      expect(values(again.stdout)).toBe(values(first.stdout));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("all problems are told at once on stderr, with exit code 2", async () => {
    const { exitCode, stdout, stderr } = await shardcast(["check-config", "--prot=1", "--shards=0"], {
      env: { SHARDCAST_ROLE: "boss" },
    });
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith("shardcast: 3 problems with the settings:\n");
    for (const name of ["--prot: ", "--shards: ", "SHARDCAST_ROLE: "])
      expect(stderr).toContain(`\n  ${name}`);
  });

  test("no secret is printed, not even as JSON", async () => {
    const sasl = ["--kafka-sasl-mechanism=PLAIN", "--kafka-sasl-username=me"];
    const env = { SHARDCAST_KAFKA_SASL_PASSWORD: "geheim" };
    const [text, json] = await Promise.all([
      shardcast(["check-config", ...KAFKA, ...sasl], { env }),
      shardcast(["check-config", ...KAFKA, ...sasl, "--json"], { env }),
    ]);
    expect(text.stdout + json.stdout + text.stderr + json.stderr).not.toContain("geheim");
    const hidden = "# kafka-sasl-password: set by SHARDCAST_KAFKA_SASL_PASSWORD, not shown: (secret)\n";
    expect(text.stdout).toContain(`\n${hidden}`);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      config: { kafka: { connection: { sasl: { password: "(secret)" } } } },
      sources: { "kafka-sasl-password": { kind: "env" } },
    });
  });

  test("problems are JSON too when asked for", async () => {
    const { exitCode, stdout } = await shardcast(["check-config", "--json", "--port=x"]);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      problems: [{ origin: { kind: "flag", name: "--port" } }],
    });
  });
});

test("serve refuses what check-config refuses, before anything starts", async () => {
  const { exitCode, stderr } = await shardcast(["serve", "--bus", "carrier-pigeon://x"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("`carrier-pigeon:` is not supported; supported: ");
});

describe("wrong usage of a client command", () => {
  test.each([
    [["publish"], "expected a channel and one JSON value"],
    [["publish", "a", "{", "--url=http://127.0.0.1:1"], "the value is not JSON"],
    [["publish", "a b", "1"], '"a b" is no channel name'],
    [["publish", "a", "1", "2"], "expected a channel and one JSON value"],
    [["tail"], "expected one channel"],
    [["tail", "a b"], "neither a channel nor a pattern"],
    [["tail", "a", "--since=nonsense"], "neither a cursor nor a mark"],
    [["tail", "a", "--count=0"], "--count: expected a whole number from 1"],
    [["tail", "a", "--cuont=1"], "Did you mean --count?"],
  ])("%j: exit code 2 and why", async (args, message) => {
    const { exitCode, stdout, stderr } = await shardcast(args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(stderr).toContain("→");
  });
});

test("a publish to where nobody listens fails with the next step", async () => {
  const { exitCode, stderr } = await shardcast(["publish", "a", "1", "--url", "http://127.0.0.1:1"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("http://127.0.0.1:1 does not answer");
  expect(stderr).toContain("Is `shardcast serve` running there?");
});

test("an error that no command has words for is told as a defect, with where it is", () => {
  const text = failureText(new RangeError("no such thing"), paint(false));
  expect(text).toStartWith("shardcast: this is a defect of its own: RangeError: no such thing\n    at ");
  expect(text).toEndWith("\n  → Please report it, with the command line and this text.\n");
});

test("data from outside cannot steer the terminal", () => {
  expect(printable(JSON.stringify("\x1b[2J\x9b2J\u2028\x7f"))).toBe('"\\u001b[2J\\u009b2J\\u2028\\u007f"');
});

describe("health", () => {
  const answering = (path: string, status: number, body: unknown) =>
    Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) =>
        new URL(url).pathname === path
          ? Response.json(body, { status })
          : new Response("no", { status: 404 }),
    });

  test("says what is not well, and fails only where the instance should get no clients", async () => {
    const checks = {
      bus: { status: "degraded", value: "disconnected", message: "no bus" },
      log: { status: "ok", value: 1 },
    };
    using degraded = answering("/health", 200, { status: "degraded", checks });
    using draining = answering("/health", 503, { status: "unhealthy", checks: {} });
    const ask = (server: { readonly url: URL }) => shardcast(["health", "--url", server.url.origin]);
    expect(await ask(degraded)).toEqual({
      exitCode: 0,
      stdout: "degraded\n  bus: degraded, no bus\n",
      stderr: "",
    });
    expect(await ask(draining)).toEqual({ exitCode: 1, stdout: "unhealthy\n", stderr: "" });
  });

  test("--live asks only whether the process turns", async () => {
    using live = answering("/live", 200, { status: "ok" });
    const answer = await shardcast(["health", "--live", "--json", "--url", live.url.origin]);
    expect(answer).toEqual({ exitCode: 0, stdout: '{"status":"ok","checks":{}}\n', stderr: "" });
  });

  test("where nothing answers, or something else does, it says what to do", async () => {
    using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    for (const url of ["http://127.0.0.1:1", other.url.origin]) {
      const { exitCode, stderr } = await shardcast(["health", "--url", url]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("→");
    }
  });
});
