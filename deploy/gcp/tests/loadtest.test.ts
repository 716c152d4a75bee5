import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { clientsTargetOf } from "../autoscaler.ts";
import { readSettings } from "../settings/read.ts";
import { readStackFile } from "../settings/stackFile.ts";
import { GCP, ROOT } from "./examples.ts";

const read = (path: string) => readFileSync(`${ROOT}${path}`, "utf8");

/** Of the runbook: test, machines that serve, machines that play clients. */
const ROWS = [
  ...read("docs/operations/gcp-load-tests.md").matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \|$/gm),
].map(([, size = "", serving, playing]) => [size, Number(serving), Number(playing)] as const);
const STACK = readSettings(readStackFile(`${GCP}examples/loadtest.yaml`));

test("the runbook of load tests has a row for each", () => {
  expect(ROWS.map(([size]) => size)).toEqual(["12k", "50k", "100k"]);
});

test.each(ROWS)(
  "for %s it asks for as many machines as the autoscaler will, and as the task starts",
  (size, serving, playing) => {
    const { connections } = parse(read(`loadtests/${size}.yaml`)) as { connections: number };
    expect(serving).toBe(Math.ceil(connections / clientsTargetOf(STACK)));
    for (const { machinesMax } of Object.values(STACK.regions))
      expect(serving).toBeLessThanOrEqual(machinesMax);
    expect(read("deploy/tasks/gcp.yml")).toContain(`vars: { SIZE: ${size}, PLAYERS: ${playing} }`);
  },
);
