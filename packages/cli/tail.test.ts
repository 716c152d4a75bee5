import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "../../test/instance.fixture.ts";
import { freePorts } from "../../test/services/ports.ts";
import { readLines, readUntil, shardcast, start } from "./cli.fixture.ts";

describe("against a real server", () => {
  let server: TestInstance;

  beforeAll(async () => {
    server = await startInstance(["--shards", "1"]);
  });

  afterAll(async () => {
    await server.end();
  });

  const publish = (channel: string, value: string, stdin?: string) =>
    shardcast(["publish", channel, value, "--url", server.admin], stdin === undefined ? {} : { stdin });

  test("what is published is printed by a tail, which ends after its count", async () => {
    const tail = start(["tail", "news.*", "--url", server.url, "--count", "2", "--json"]);
    // It says on stderr that it is connected; a snapshot of nothing tells nothing, so the first message is retried.
    await readLines(tail.stderr, 1);
    const lines = readLines(tail.stdout, 2);
    const published = await publishUntil(tail.exited, () => publish("news.local", '{"title":"Hello"}'));
    const messages = (await lines).map((line) => JSON.parse(line));
    expect(messages.map(({ channel, data }) => [channel, data])).toEqual([
      ["news.local", { title: "Hello" }],
      ["news.local", { title: "Hello" }],
    ]);
    expect(published).toContain(`news.local ${messages[1].cursor}\n`);
    expect(await tail.exited).toBe(0);
  });

  test("standard input is published as it is", async () => {
    const { exitCode, stdout, stderr } = await publish("stdin.test", "-", '  {"from":"stdin"}\n');
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^stdin\.test [0-9a-z]{7}:\d+\n$/);
    const tail = await shardcast(["tail", "stdin.test", "--url", server.url, "--snapshot", "--count", "1"]);
    expect(tail.stdout).toContain(
      `stdin.test ${stdout.split(" ")[1]?.trim()} (last value) {"from":"stdin"}\n`,
    );
  });

  test("a tail goes on after the position that it is given", async () => {
    const cursors: string[] = [];
    for (const value of ["1", "2", "3"])
      cursors.push((await publish("since.test", value)).stdout.trim().split(" ")[1] ?? "");
    const flags = ["--url", server.url, "--since", cursors[0] ?? "", "--count", "2", "--json"];
    const { stdout } = await shardcast(["tail", "since.test", ...flags]);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).cursor),
    ).toEqual(cursors.slice(1));
  });

  test("a tail resumes over the death of its shard, with nothing lost and nothing twice", async () => {
    const tail = start(["tail", "resume.test", "--url", server.url, "--count", "3", "--json"]);
    await readLines(tail.stderr, 1);
    const sent = [await publish("resume.test", "1")];
    const first = await readLines(tail.stdout, 1);
    for (const pid of await server.shardPids()) process.kill(pid, "SIGKILL");
    sent.push(await publish("resume.test", "2"), await publish("resume.test", "3"));
    const lines = [...first, ...(await readLines(tail.stdout, 2))];
    expect(lines.map((line) => `resume.test ${JSON.parse(line).cursor}\n`)).toEqual(
      sent.map(({ stdout }) => stdout),
    );
    expect(await tail.exited).toBe(0);
  });

  test.each([
    ["--policy", "latest"],
    ["--max-rate", "50"],
    ["--encoding", "deflate"],
  ])("a tail with %s %s prints what is newest in the end", async (flag, value) => {
    const channel = `newest.${value}`;
    const tail = start(["tail", channel, "--url", server.url, flag, value]);
    await readLines(tail.stderr, 1);
    const lines = readLines(tail.stdout, 1);
    await publish(channel, "1");
    expect((await lines)[0]).toContain(`${channel} `);
    await publish(channel, "2");
    expect((await readLines(tail.stdout, 1))[0]).toEndWith(" 2");
    tail.kill("SIGINT");
    expect(await tail.exited).toBe(0);
  });

  test("a position to go on from and the newest values alone are not to be had together", async () => {
    const flags = ["--since", "sssssss:1", "--max-rate", "5"];
    const { exitCode, stderr } = await shardcast(["tail", "a", "--url", server.url, ...flags]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Leave out --since");
  });

  test("Ctrl-C ends a tail in order", async () => {
    const tail = start(["tail", "quiet", "--url", server.url]);
    await readLines(tail.stderr, 1);
    tail.kill("SIGINT");
    expect(await tail.exited).toBe(0);
  });

  test("http is taken for ws, and the path is found", async () => {
    await publish("url.test", "1");
    const url = server.url.replace(/^ws/, "http").replace(/\/ws$/, "");
    const tail = await shardcast(["tail", "url.test", "--url", url, "--snapshot", "--count", "1"]);
    expect([tail.exitCode, tail.stderr]).toEqual([0, `connected to ${server.url}\n`]);
  });

  test("of two addresses the one that answers is taken", async () => {
    await publish("urls.test", "1");
    const urls = ["--url", "ws://127.0.0.1:1/ws", "--url", server.url];
    const tail = await shardcast(["tail", "urls.test", ...urls, "--snapshot", "--count", "1"]);
    expect([tail.exitCode, tail.stderr]).toEqual([0, `connected to ${server.url}\n`]);
  });

  test.each([
    ["a wrong path", () => `${server.url}x`, "there are /ws, /sse, /health and /live here (not_found)"],
    [
      "the admin port",
      () => server.admin,
      "That is the admin port. --url names the public port, 3000 by default",
    ],
  ])("a tail of %s ends, and says what is there", async (_, url, told) => {
    const { exitCode, stdout, stderr } = await shardcast(["tail", "a", "--url", url()]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("it answered 404");
    expect(stderr).toContain(told);
  });

  test("a publish to the public port is told where it belongs", async () => {
    const { exitCode, stderr } = await shardcast([
      "publish",
      "a",
      "1",
      "--url",
      server.url.replace(/^ws/, "http"),
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("is the public port");
    expect(stderr).toContain("--url must name the admin port, 3001 by default");
  });

  test("an answer that is not Shardcast's is told apart", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    try {
      const { exitCode, stderr } = await shardcast(["publish", "a", "1", "--url", other.url.href]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("answered 200 and not as Shardcast does");
    } finally {
      await other.stop(true);
    }
  });
});

test("a tail of a server that is not there keeps trying, says so, and still ends when told to", async () => {
  const tail = start(["tail", "a", "--url", "ws://127.0.0.1:1/ws"]);
  const [line] = await readLines(tail.stderr, 1);
  expect(line).toContain(
    "no connection to ws://127.0.0.1:1/ws: nothing listens on port 1 of 127.0.0.1; trying again",
  );
  expect(line).toContain("Is `shardcast serve` running there?");
  tail.kill("SIGTERM");
  expect(await tail.exited).toBe(0);
});

test("a tail whose server goes says which attempts never stood, to where and what to do, and is back when it is", async () => {
  const [port = 0] = await freePorts(1);
  const startServer = () => startInstance(["--shards", "1"], { port });
  const first = await startServer();
  const tail = start(["tail", "a", "--url", first.url]);
  try {
    await readUntil(tail.stderr, "connected to");
    await first.end("SIGKILL");
    const told = await readUntil(tail.stderr, "could not connect to");
    const [lost] = told.split("\n");
    expect(lost).toMatch(/^connection lost \(1006.*\); trying again in \d/);
    expect(told.match(/connection lost/g)).toHaveLength(1);
    expect(told).toMatch(/^could not connect to ws:\S+ \(1006.*\); trying again in \d/m);
    // Why, and the next step: found out beside the attempts, and told once.
    const fault = `no connection to ${first.url}: nothing listens on port ${port}`;
    const explained = told.includes(fault) ? told : await readUntil(tail.stderr, fault);
    expect(explained).toContain("Is `shardcast serve` running there?");
    const second = await startServer();
    expect(await readUntil(tail.stderr, "connected again")).not.toContain("connection lost");
    await second.end();
  } finally {
    tail.kill("SIGKILL");
  }
}, 60_000);

/** Publishes again and again until a process has ended, and returns all that was printed. */
async function publishUntil(
  ended: Promise<unknown>,
  publish: () => Promise<{ readonly stdout: string }>,
): Promise<string> {
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  let printed = "";
  while (!isEnded) printed += (await publish()).stdout;
  return printed;
}
