// What a machine is told to do, held to what Shardcast and its image really take.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { variableOf } from "../../../packages/server/config/setting.ts";
import { loadConfig } from "../../../packages/server/config.ts";
import { SHARDCAST_SETTINGS } from "../settings/fileVariable.ts";
import { EXAMPLES, example, ofType, ROOT } from "./examples.ts";

interface CloudConfig {
  readonly write_files: ReadonlyArray<{ readonly path: string; readonly content: string }>;
  readonly runcmd: readonly string[];
}

interface MachineFiles {
  readonly runcmd: readonly string[];
  readonly file: (path: string) => string;
}

/** The user-data of an example's machines, one for each region. */
async function machines(name: string, template = /^template-/): Promise<MachineFiles[]> {
  const templates = ofType(await example(name), "InstanceTemplate").filter((one) => template.test(one.name));
  return templates.map(({ inputs }) => {
    const text = (inputs["metadata"] as Record<string, string>)["user-data"] ?? "";
    expect(text).toStartWith("#cloud-config\n");
    const { write_files: files, runcmd } = parse(text) as CloudConfig;
    return { runcmd, file: (path) => files.find((one) => one.path === path)?.content ?? "" };
  });
}

function variables(file: string): Record<string, string> {
  const lines = file.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

const ENVIRONMENT = "/etc/shardcast/shardcast.env";
const UNIT = "/etc/systemd/system/shardcast.service";

describe.each(EXAMPLES)("a machine of %s", (name) => {
  test("is told only variables that Shardcast has, and Shardcast would start with them", async () => {
    const known = SHARDCAST_SETTINGS.flatMap((one) => [variableOf(one), `${variableOf(one)}_FILE`]);
    for (const { file } of await machines(name)) {
      const env = variables(file(ENVIRONMENT));
      expect(Object.keys(env).filter((variable) => !known.includes(variable))).toEqual([]);
      const loaded = loadConfig({ argv: [], env, readFile: fileOf, machine: MACHINE });
      expect(loaded.ok ? [] : loaded.problems).toEqual([]);
      expect(loaded.ok && loaded.config.admission.addresses.hidden).toBe(true);
    }
  });

  test("has every secret that a variable names fetched first, and no secret in its user-data", async () => {
    for (const { file } of await machines(name)) {
      const env = variables(file(ENVIRONMENT));
      const named = Object.values(env).filter((value) => value.startsWith("/run/secrets/"));
      const fetched = file("/etc/shardcast/secrets")
        .split("\n")
        .filter((line) => line !== "");
      const files = fetched.map((line) => `/run/secrets/${line.split(" ")[0]}`);
      const [, key] = /credentials_file: (\S+)/.exec(file("/etc/shardcast/collector.yaml")) ?? [];
      expect(key !== undefined).toBe(env["SHARDCAST_API_KEYS_FILE"] !== undefined);
      expect(files.toSorted()).toEqual([...named, ...(key === undefined ? [] : [key])].toSorted());
      expect(Object.keys(env).filter((variable) => /PASSWORD$|SECRET$|TOKEN$/.test(variable))).toEqual([]);
      const unit = file(UNIT);
      expect(unit.indexOf("fetchSecrets.sh")).toBeLessThan(unit.indexOf("ExecStart="));
    }
  });

  test("runs the image as the image means it: its ports, its user, its signal, enough time to end", async () => {
    const dockerfile = readFileSync(`${ROOT}Dockerfile`, "utf8");
    for (const { file } of await machines(name)) {
      const env = variables(file(ENVIRONMENT));
      expect(dockerfile).toContain(`EXPOSE ${env["SHARDCAST_PORT"]} ${env["SHARDCAST_ADMIN_PORT"]}\n`);
      expect(dockerfile).toContain("STOPSIGNAL SIGTERM");
      const [, user] = /^USER (\S+)$/m.exec(dockerfile) ?? [];
      expect(file("/etc/shardcast/fetchSecrets.sh")).toContain(`OWNER:-${user}}`);
      const unit = file(UNIT);
      const [, seconds] = /docker stop --time (\d+)/.exec(unit) ?? [];
      expect(Number(seconds) * 1000).toBeGreaterThan(Number(env["SHARDCAST_DRAIN_TIMEOUT_MS"]));
      const [, timeout] = /TimeoutStopSec=(\d+)/.exec(unit) ?? [];
      expect(Number(timeout)).toBeGreaterThan(Number(seconds));
      expect(unit).toMatch(/--read-only --tmpfs \/tmp --cap-drop ALL/);
    }
  });

  test("starts each of its units, and sets the kernel before", async () => {
    for (const { runcmd } of await machines(name)) {
      const started = runcmd
        .filter((line) => line.startsWith("systemctl start"))
        .map((line) => line.split(" ").at(-1));
      expect(started).toEqual([
        "shardcast.service",
        "shardcast-collector.service",
        "shardcast-watch.service",
      ]);
      expect(runcmd.findIndex((line) => line.startsWith("sysctl"))).toBeLessThan(
        runcmd.findIndex((line) => line.startsWith("systemctl start")),
      );
    }
  });
});

test("each region's machines say which region they are, and have its bus", async () => {
  const env = (await machines("three-regions.yaml")).map(({ file }) => variables(file(ENVIRONMENT)));
  expect(env.map((one) => one["SHARDCAST_REGION"]).toSorted()).toEqual([
    "asia-northeast1",
    "europe-west1",
    "us-east1",
  ]);
  for (const one of env) {
    expect(one).toMatchObject({
      SHARDCAST_BUS: "rediss://10.200.0.3:6378",
      SHARDCAST_BUS_TLS_ANY_NAME: "true",
      SHARDCAST_BUS_PASSWORD_FILE: "/run/secrets/bus-password",
      SHARDCAST_KAFKA_SASL_MECHANISM: "SCRAM-SHA-512",
      SHARDCAST_ADMIN_HOST: "::",
      SHARDCAST_API_KEYS_FILE: "/run/secrets/api-keys-file",
    });
  }
});

test("health is asked where the image answers it", async () => {
  const page = readFileSync(`${ROOT}docs/containers.md`, "utf8");
  const checks = ofType(await example("one-region.yaml"), "HealthCheck").map(({ name, inputs }) => [
    name,
    (inputs["httpHealthCheck"] as Record<string, unknown>)["requestPath"],
  ]);
  expect(Object.fromEntries(checks)).toEqual({ health: "/health", live: "/live" });
  expect(page).toMatch(/healthcheck asks\s+`\/live`/);
  expect(page).toMatch(/Balancers ask `\/health`/);
});

test("the balancer lets a machine drain longer than it needs", async () => {
  const resources = await example("one-region.yaml");
  const draining = ofType(resources, "BackendService")[0]?.inputs["connectionDrainingTimeoutSec"] as number;
  for (const { file } of await machines("one-region.yaml")) {
    const env = variables(file(ENVIRONMENT));
    expect(draining * 1000).toBeGreaterThan(Number(env["SHARDCAST_DRAIN_TIMEOUT_MS"]) + 30_000);
  }
});

test("a machine that drains is red for the balancer before it sends anybody away", async () => {
  const health = ofType(await example("one-region.yaml"), "HealthCheck").find(
    ({ name }) => name === "health",
  );
  const { checkIntervalSec, unhealthyThreshold } = health?.inputs ?? {};
  const noticedMs = Number(checkIntervalSec) * Number(unhealthyThreshold) * 1000;
  expect(noticedMs).toBe(10_000);
  for (const { file } of await machines("one-region.yaml"))
    expect(Number(variables(file(ENVIRONMENT))["SHARDCAST_DRAIN_WAIT_MS"])).toBe(noticedMs + 2000);
});

test("machines that play clients only fetch the image", async () => {
  const [machine] = await machines("loadtest.yaml", /^loadtest-template$/);
  expect(machine?.runcmd.at(-1)).toContain("shardcast-loadtest.service");
  expect(machine?.file("/etc/shardcast/secrets")).toBe("");
});

const MACHINE = { hostname: "machine", cores: 4, processId: 1, openFilesMax: 1_048_576, isTerminal: false };

/** Any secret will do, where only its form is looked at. */
function fileOf(path: string): string {
  if (path.endsWith("/bus")) return "tls://bus.example:4222";
  return path.endsWith("jwt-public-key") ? PUBLIC_KEY : "x".repeat(48);
}

const PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`;
