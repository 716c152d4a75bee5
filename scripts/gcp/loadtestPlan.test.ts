import { describe, expect, test } from "bun:test";
import { LOADTEST_SETTINGS } from "../../packages/cli/loadtest/settings.ts";
import { readSettings } from "../../packages/server/config/readSettings.ts";
import { type Machine, planLoadtest, type StackOutputs, sshCommand } from "./loadtestPlan.ts";

const OUTPUTS: StackOutputs = {
  project: "some-project",
  url: "ws://203.0.113.7:443/ws",
  registry: "europe-west1-docker.pkg.dev/some-project/shardcast/shardcast",
  groups: { "europe-west1": "shardcast-europe-west1" },
  loadtest: { region: "europe-west1", name: "shardcast-loadtest" },
};
const SIZE = { connections: 50_001, connectionsPerSecond: 2000, messagesPerSecond: 3, holdSeconds: 180 };
const SERVER: Machine = { name: "shardcast-europe-west1-x", zone: "europe-west1-b" };
const PLAYERS = ["a", "b"].map((name) => ({ name: `shardcast-loadtest-${name}`, zone: "europe-west1-c" }));
const planned = (outputs = OUTPUTS, players = PLAYERS, server: Machine | undefined = SERVER) =>
  planLoadtest(outputs, `${OUTPUTS.registry}:1.2.3`, players, server, SIZE);

/** What `shardcast loadtest` makes of the flags in a command for a machine. */
function read(command: string) {
  const [, flags = ""] = command.split(" loadtest --urls");
  const { values, problems } = readSettings(LOADTEST_SETTINGS, {
    argv: `--urls${flags}`.split(" "),
    env: {},
    readFile: () => "",
  });
  expect(problems).toEqual([]);
  return values;
}

describe("a load test on Google Cloud", () => {
  test("spreads its clients over the machines, none left out", () => {
    const read50k = planned().clients.map(({ command }) => read(command));
    expect(read50k.map(({ connections }) => connections)).toEqual([25_001, 25_000]);
    expect(read50k.map(({ connectionsPerSecond }) => connectionsPerSecond)).toEqual([1000, 1000]);
    expect(read50k.every(({ publish, urls }) => publish === "none" && urls?.[0] === OUTPUTS.url)).toBe(true);
  });

  test("publishes once all clients are there, and they stay until after the last message", () => {
    const { clients, publisher, publisherAfterMs } = planned();
    const publishing = read(publisher.command);
    expect(publishing).toMatchObject({
      publish: "kafka",
      topic: "load",
      messagesPerSecond: 3,
      holdSeconds: 180,
    });
    expect(publisher.machine).toBe(SERVER);
    const rampSeconds = SIZE.connections / SIZE.connectionsPerSecond;
    expect(publisherAfterMs / 1000).toBeGreaterThan(rampSeconds);
    for (const { command } of clients)
      expect(rampSeconds + (read(command).holdSeconds ?? 0)).toBeGreaterThan(publisherAfterMs / 1000 + 180);
  });

  test("reaches machines through Identity-Aware Proxy", () => {
    const [first] = planned().clients;
    if (first === undefined) throw new Error("no command");
    const command = sshCommand("some-project", first);
    expect(command.slice(0, 4)).toEqual(["gcloud", "compute", "ssh", "shardcast-loadtest-a"]);
    expect(command).toContain("--tunnel-through-iap");
    expect(command).toContain("europe-west1-c");
  });

  test.each([
    ["no machine plays clients", [], SERVER],
    ["no machine serves", PLAYERS, undefined],
  ] as const)("says what is missing: %s", (message, players, server) => {
    expect(() => planLoadtest(OUTPUTS, "image:1", players, server, SIZE)).toThrow(message);
  });
});
