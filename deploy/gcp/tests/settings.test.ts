import { describe, expect, test } from "bun:test";
import { readSettings, SettingsError } from "../settings/read.ts";
import { schema } from "../settings/schema.ts";
import { readStackFile } from "../settings/stackFile.ts";
import { EXAMPLES, GCP } from "./examples.ts";

const FILE = readStackFile(`${GCP}examples/one-region.yaml`);
const MANY = readStackFile(`${GCP}examples/three-regions.yaml`);
const REGION = { cidr: "10.10.0.0/20" };

/** What is wrong with a stack's file that is changed so; `undefined` takes a setting out. */
function problems(change: Readonly<Record<string, unknown>>, file = FILE): readonly string[] {
  const config: Record<string, string> = { ...file };
  for (const [key, value] of Object.entries(change)) {
    const name = `shardcast:${key}`;
    if (value === undefined) delete config[name];
    else config[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
  try {
    readSettings(config);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe("a stack's configuration", () => {
  test.each(EXAMPLES)("of %s holds", (name) => {
    expect(readSettings(readStackFile(`${GCP}examples/${name}`)).regions).not.toEqual({});
  });

  test.each([
    ["no regions", { regions: undefined }, /regions: is missing/],
    ["no region in it", { regions: {} }, /regions: names no region/],
    ["no Kafka", { kafka: undefined }, /kafka: is missing/],
    ["a typing slip", { regoins: {} }, /regoins: there is no such setting; did you mean shardcast:regions\?/],
    ["a slip within", { regions: { "europe-west1": { ...REGION, minMachines: 1 } } }, /has no minMachines/],
    ["a region that is none", { regions: { europe: REGION } }, /must be a region such as/],
    ["a range that is none", { regions: { "europe-west1": { cidr: "10.10.1.0/20" } } }, /is no range/],
    ["a range of the internet", { regions: { "europe-west1": { cidr: "8.8.0.0/20" } } }, /is not private/],
    ["a small range", { regions: { "europe-west1": { cidr: "10.10.0.0/28" } } }, /is smaller than a \/26/],
    [
      "ranges that overlap",
      { regions: { "europe-west1": REGION, "us-east1": { cidr: "10.10.8.0/21" } } },
      /us-east1\.cidr: overlaps with regions\.europe-west1/,
    ],
    [
      "more machines at least than at most",
      { regions: { "europe-west1": { ...REGION, machinesMin: 5, machinesMax: 4 } } },
      /machinesMin is more than/,
    ],
    ["the tag latest", { imageTag: "latest" }, /`latest` names no version/],
    [
      "an image without a version",
      { imageTag: undefined, image: "docker.io/me/shardcast" },
      /must name a registry/,
    ],
    ["two images", { image: "docker.io/me/shardcast:1" }, /stands in place of imageTag/],
    ["a domain that is none", { domains: ["*.example.com"] }, /must be a domain/],
    ["another port with a certificate", { port: 8443 }, /must be 443 with domains/],
    ["a Kafka elsewhere", { kafka: { kind: "managed", region: "us-east1" } }, /is none of regions/],
    [
      "a Kafka of odd shape",
      { kafka: { kind: "managed", region: "europe-west1", vcpus: 3, memoryGb: 40 } },
      /1 to 8 GB for each of 3/,
    ],
    ["half of a login", { kafka: { kind: "given", brokers: ["a:9092"], username: "me" } }, /belong together/],
    [
      "a password in the open",
      {
        kafka: {
          ...{ kind: "given", brokers: ["a:9092"], tls: false },
          ...{ saslMechanism: "PLAIN", username: "me", passwordSecret: "p" },
        },
      },
      /sent in the open/,
    ],
    ["a bus without its URL", { bus: { kind: "given" } }, /each region names its bus/],
    [
      "a URL without its bus",
      { regions: { "europe-west1": { ...REGION, busUrlSecret: "s" } } },
      /has no effect/,
    ],
    ["spot machines that drain long", { spot: true }, /must be 20 at most with spot/],
    [
      "more of the processors than shards can use",
      { scaleAtCpuShare: 0.8 },
      /3 shards keep 0\.75 of 4 processors busy at most/,
    ],
    ["too little time to drain", { clientsPerMachine: 40_000 }, /40000 clients need 110 to be sent away/],
    ["load tests elsewhere", { loadtestRegion: "us-east1" }, /is none of regions/],
    ["keys, but none for the collector", { files: { "api-keys-file": "k" } }, /metricsKeySecret: belongs to/],
    ["open admin ports without keys", { adminRanges: ["10.0.0.0/8"] }, /needs files\.api-keys-file/],
    [
      "admin ports for everybody",
      { adminRanges: ["0.0.0.0/0"], files: { "api-keys-file": "k" } },
      /is not private/,
    ],
    ["a mail address that is none", { alertEmails: ["me"] }, /alertEmails/],
  ])("with %s is refused", (_, change, why) => {
    const told = problems(change);
    expect(told.join("\n")).toMatch(why);
    for (const one of told) expect(one).toMatch(/^shardcast:[\w.[\]-]+: /);
  });

  test.each([
    [
      "an unknown setting",
      { settings: { "jwt-audence": "a" } },
      /settings\.jwt-audence: .* did you mean jwt-audience/,
    ],
    ["a setting that others set", { settings: { port: 80 } }, /settings\.port: is set from the balancer/],
    [
      "a secret in the open",
      { settings: { "jwt-secret": "x" } },
      /is secret; name a secret in files\.jwt-secret/,
    ],
    ["a file's path", { settings: { "api-keys-file": "/x" } }, /is a file; name a secret/],
    ["a secret for what is none", { files: { "log-level": "s" } }, /is neither secret nor a file/],
    [
      "a value that Shardcast refuses",
      { settings: { "history-seconds": "soon" } },
      /HISTORY_SECONDS.*a whole number/,
    ],
    ["what contradicts itself", { settings: { "jwt-audience": "a" } }, /SHARDCAST_JWT_AUDIENCE/],
  ])("with %s among Shardcast's own is refused", (_, change, why) => {
    expect(problems(change).join("\n")).toMatch(why);
  });

  test("is told all at once, in one message", () => {
    const config = {
      ...FILE,
      "shardcast:imageTag": "latest",
      "shardcast:spto": "true",
      "shardcast:port": "0",
    };
    expect(() => readSettings(config)).toThrow(
      /^3 problems with the stack's configuration:\n( {2}shardcast:.*\n?){3}$/,
    );
  });

  test("keeps a tag that looks like a number as it was written", () => {
    expect(readSettings({ ...FILE, "shardcast:imageTag": "1.10" }).imageTag).toBe("1.10");
  });

  test("leaves other programs' settings alone", () => {
    expect(() => readSettings({ ...MANY, "other:thing": "x" })).not.toThrow();
  });

  test("is documented, setting by setting", async () => {
    const page = await Bun.file(`${GCP}../../docs/gcp.md`).text();
    const { settingsTable } = await import("../settings/table.ts");
    expect(page).toContain(settingsTable(schema));
  });
});
