import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBadServer } from "../../loadtest/badServer.fixture.ts";
import type { Report } from "../../loadtest/report.ts";
import { readScenario } from "../../loadtest/scenario.ts";
import { shardcast } from "../cli.fixture.ts";

test("exit code 1, a table, a JSON file and a page where a message is lost, and the two compare", async () => {
  const server = startBadServer({ deliver: (n) => (n === 3 ? [] : [n]) });
  const directory = mkdtempSync(join(tmpdir(), "loadtest-"));
  const json = join(directory, "report.json");
  const flags = ["--urls", server.url, "--admins", server.admin, "--report", json, "--connections", "10"];
  const { exitCode, stdout } = await shardcast(["loadtest", ...flags, "--hold-seconds", "1.5"]);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/BROKEN messages lost +30 +≤ 0/);
  expect(readFileSync(join(directory, "report.html"), "utf8")).toContain("FAILED");
  const compared = await shardcast(["loadtest", "compare", json, json]);
  expect(compared.exitCode).toBe(0);
  expect(compared.stdout).toMatch(/deliveries .*\+0\.0 %/);
  rmSync(directory, { recursive: true });
  await server.stop();
}, 60_000);

test("what cannot be meant is refused with exit code 2", async () => {
  const { exitCode, stderr } = await shardcast(["loadtest", "--publish", "kafka"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("--kafka-brokers");
  expect((await shardcast(["loadtest", "compare", "/nowhere.json", "/nowhere.json"])).exitCode).toBe(2);
});

test("a scenario that cannot be used is told key by key, with what was meant", async () => {
  const directory = mkdtempSync(join(tmpdir(), "loadtest-"));
  const run = async (text: string) => {
    const scenario = join(directory, "scenario.yaml");
    writeFileSync(scenario, text);
    const { exitCode, stderr } = await shardcast(["loadtest", "--scenario", scenario]);
    expect(exitCode).toBe(2);
    return stderr.replaceAll(scenario, "FILE");
  };
  expect(await run("channels: 7\nconections: 4\nthresholds: {lostMaxx: 1}\n")).toBe(
    `shardcast: the scenario FILE cannot be used:
  channels: expected array, received number
  thresholds.lostMaxx: there is no such key. Did you mean lostMax?
  conections: there is no such key. Did you mean connections?
  → docs/load-testing.md lists what a scenario may hold.
`,
  );
  expect(await run("channels: [a\nurls: {")).toContain("it is no YAML: ");
  rmSync(directory, { recursive: true });
});

test("a report that could not be written is refused before the run", async () => {
  const server = startBadServer({});
  const flags = ["--urls", server.url, "--admins", server.admin, "--report", "/proc/nowhere/report.json"];
  const { exitCode, stdout, stderr } = await shardcast(["loadtest", ...flags]);
  expect(exitCode).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("/proc/nowhere/report.json");
  await server.stop();
});

test.each(["smoke", "12k", "50k", "100k", "spike", "churn", "reconnect-storm", "slow-clients", "soak"])(
  "the scenario %s can be read",
  (name) => {
    const file = new URL(`../../../loadtests/${name}.yaml`, import.meta.url).pathname;
    expect(readScenario(readFileSync(file, "utf8"), {}).connections).toBeGreaterThan(0);
  },
);

test("Ctrl-C ends a run early, with its report", async () => {
  const server = startBadServer({});
  const directory = mkdtempSync(join(tmpdir(), "loadtest-"));
  const json = join(directory, "report.json");
  const child = Bun.spawn(
    [
      ...[process.execPath, join(import.meta.dir, "../main.ts"), "loadtest", "--urls", server.url],
      ...["--admins", server.admin, "--report", json, "--connections", "10", "--hold-seconds", "600"],
    ],
    { stdout: "pipe", stderr: "pipe" },
  );
  await server.published;
  child.kill("SIGINT");
  // It did not do what the scenario asks for, whatever it found until then.
  expect(await child.exited).toBe(1);
  const report = JSON.parse(readFileSync(json, "utf8")) as Report;
  expect(report.wasInterrupted).toBe(true);
  expect(report.checks.filter(({ held }) => !held).map(({ name }) => name)).toEqual(["seconds held"]);
  expect(report.deliveries).toBeGreaterThan(0);
  rmSync(directory, { recursive: true });
  await server.stop();
}, 60_000);
