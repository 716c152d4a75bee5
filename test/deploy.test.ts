// What stands in deploy/ and in the compose files is held to what the server really exports and to what must not be open.
import { describe, expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020";
import { parse } from "yaml";
import { DASHBOARDS, grafanaFile } from "../deploy/grafana/dashboards.ts";
import { NO_REFUSALS_OF_TOKENS } from "../packages/server/auth/access.ts";
import { DEPARTURE_SETTINGS } from "../packages/server/config/departureSettings.ts";
import { noRefusals } from "../packages/server/gateway/refusals.ts";
import { STOP_SECONDS } from "../scripts/compose/engine.ts";
import { promtoolProgram } from "./services/promtool.ts";

const ROOT = `${import.meta.dir}/..`;
const promtool = promtoolProgram();
const text = (path: string) => Bun.file(`${ROOT}/${path}`).text();

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
}

interface ComposeService {
  readonly image: string;
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
}

const composeFiles = ["docker-compose.multi.yml", "docker-compose.horizontal.yml"];
/** What the Compose Specification's own schema says against a file. */
async function composeFaults(file: unknown): Promise<string[]> {
  const schema = JSON.parse(await text("test/composeSpecification/compose-spec.json")) as object;
  const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  validate(file);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const composeFile = async (path: string) => parse(await text(path), { merge: true }) as ComposeFile;

describe.each(composeFiles)("%s", (path) => {
  test("is what the Compose Specification's schema allows, with every variable at its default", async () => {
    const written = await text(path);
    const resolved = written.replaceAll(/\$\{[A-Z_]+:-([^}]*)\}/g, "$1");
    expect(resolved).not.toContain("${");
    expect(await composeFaults(parse(resolved, { merge: true }))).toEqual([]);
    // The check itself sees a slip of the pen.
    const misspelt = resolved.replace("mem_limit:", "memory_limit:");
    expect(await composeFaults(parse(misspelt, { merge: true }))).not.toEqual([]);
  });

  test("names no image without a version of its own", async () => {
    const images = Object.values((await composeFile(path)).services).map(({ image }) => image);
    const foreign = images.filter((image) => !image.includes("shardcast"));
    expect(foreign.length).toBeGreaterThan(2);
    for (const image of foreign) expect(image).toMatch(/:-docker\.io\/[^:]+:v?\d+\.\d+\.\d+[a-z-]*\}$/);
  });

  test("lets nobody from outside reach what publishes, stores or measures", async () => {
    const { services } = await composeFile(path);
    const open = Object.values(services).flatMap(({ ports = [] }) =>
      ports.filter((port) => !port.startsWith("127.0.0.1:")),
    );
    expect(open.map((port) => port.split(":")[0])).toEqual(["${SHARDCAST_PORT"]);
  });
});

test("whoever takes a cluster down waits until its instances have sent their clients elsewhere", async () => {
  const drainSeconds = DEPARTURE_SETTINGS.drainTimeoutMs.default / 1000;
  const files = await Promise.all(composeFiles.map(composeFile));
  const waits = [
    ...files.map(({ services }) => Number.parseInt(services["shardcast"]?.stop_grace_period ?? "", 10)),
    ...[...(await text("deploy/tasks/local.yml")).matchAll(/ down .*-t (\d+)/g)].map(([, wait]) =>
      Number(wait),
    ),
    Number(STOP_SECONDS),
  ];
  expect(waits.length).toBe(5);
  for (const wait of waits) expect(wait).toBeGreaterThan(drainSeconds);
});

test("instances behind HAProxy know that it hides addresses as long as it passes TCP on", async () => {
  const haproxy = await text("deploy/haproxy/haproxy.compose.cfg");
  const [, frontend = ""] = /^frontend clients\n((?: .*\n)+)/m.exec(haproxy) ?? [];
  const [, defaults = ""] = /^defaults\n((?: .*\n)+)/m.exec(haproxy) ?? [];
  const [, mode] = /^ +mode (\w+)/m.exec(frontend) ?? /^ +mode (\w+)/m.exec(defaults) ?? [];
  const { services } = await composeFile("docker-compose.horizontal.yml");
  const environment = services["shardcast"]?.environment ?? {};
  expect({ mode, hidden: environment["SHARDCAST_HIDDEN_ADDRESSES"] }).toEqual({
    mode: "tcp",
    hidden: "true",
  });
  expect(environment).not.toContainKey("SHARDCAST_TRUSTED_PROXIES");
});

test.skipIf(promtool === undefined)(
  "Prometheus takes the configuration and the rules, and each alert does what it is for",
  async () => {
    for (const args of [
      ["check", "config", "deploy/prometheus/prometheus.yml"],
      ["check", "rules", "deploy/prometheus/rules/shardcast.yml"],
      ["test", "rules", "deploy/prometheus/rules.test.yml"],
    ]) {
      const child = Bun.spawn([promtool ?? "", ...args], { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
      const output = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
      expect({ args, output, exitCode: await child.exited }).toMatchObject({ exitCode: 0 });
    }
  },
);

test("each reason that the alert of refusals leaves out is one that there is, and is tested to be left out", async () => {
  const [rules, tests] = await Promise.all([
    text("deploy/prometheus/rules/shardcast.yml"),
    text("deploy/prometheus/rules.test.yml"),
  ]);
  const [, list = ""] = /handshake_refusals_total\{reason!~"([^"]*)"/.exec(rules) ?? [];
  const known = Object.keys({ ...noRefusals(), ...NO_REFUSALS_OF_TOKENS });
  const left = list.split("|");
  expect(left).toContain("upgrade_required");
  expect(left.filter((reason) => !known.includes(reason) || !tests.includes(`reason="${reason}"`))).toEqual(
    [],
  );
});

test("every alert is tested, and is explained where its annotation says so", async () => {
  const rules = parse(await text("deploy/prometheus/rules/shardcast.yml")) as {
    groups: Array<{ rules: Array<{ alert?: string }> }>;
  };
  const alerts = rules.groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
  const [tests, page] = await Promise.all([
    text("deploy/prometheus/rules.test.yml"),
    text("docs/operations/alerts.md"),
  ]);
  expect(alerts.length).toBeGreaterThan(10);
  expect(alerts.filter((alert) => !tests.includes(alert))).toEqual([]);
  expect(alerts.filter((alert) => !page.includes(`## ${alert}\n`))).toEqual([]);
});

test("the dashboards that Grafana reads are those that are written down", async () => {
  for (const dashboard of DASHBOARDS) {
    const file = await text(`deploy/grafana/dashboards/${dashboard.uid}.json`);
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(grafanaFile(dashboard))));
  }
});
