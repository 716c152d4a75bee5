// What must hold of every resource of every example, whatever it is for.
import { describe, expect, test } from "bun:test";
import { GOOGLE_FRONT_ENDS, IDENTITY_AWARE_PROXY } from "../firewall.ts";
import type { SeenResource } from "../mocks.ts";
import { isSecret } from "../planText.ts";
import { addressRange, isPrivate } from "../settings/addressRange.ts";
import { changed, EXAMPLES, example, ofType, texts } from "./examples.ts";
import { inputsOf, possibleValues } from "./providerTypes.ts";

interface Allowed {
  readonly ports: readonly string[];
}

describe.each(EXAMPLES)("%s", (name) => {
  test("lets nobody reach SSH but through Identity-Aware Proxy, nor the admin port but from private ranges", async () => {
    for (const { inputs } of ofType(await example(name), "Firewall")) {
      const ports = (inputs["allows"] as Allowed[]).flatMap(({ ports }) => ports);
      const sources = inputs["sourceRanges"] as string[];
      expect(ports).toHaveLength(1);
      expect(inputs["targetTags"]).not.toEqual([]);
      if (ports[0] === "22") expect(sources).toEqual(IDENTITY_AWARE_PROXY);
      else if (ports[0] === "3000") expect(sources).toEqual(GOOGLE_FRONT_ENDS);
      else {
        expect(ports).toEqual(["3001"]);
        for (const range of sources)
          expect(isPrivate(addressRange(range) ?? { first: 0, bits: 0 })).toBe(true);
      }
    }
  });

  test("names the range of the whole internet nowhere", async () => {
    const open = (await example(name)).flatMap((resource) =>
      texts(resource.inputs).filter(([, text]) => /\b0\.0\.0\.0\/0|::\/0/.test(text)),
    );
    expect(open).toEqual([]);
  });

  test("labels everything that takes labels", async () => {
    const bare = (await example(name)).filter(({ type, inputs }) => {
      // A channel's labels are where it sends to; its own are userLabels.
      const key = ["userLabels", "labels"].find((one) => inputsOf(type).includes(one));
      const labels = (key === undefined ? {} : inputs[key]) as Record<string, string> | undefined;
      return key !== undefined && (labels?.["app"] !== "shardcast" || labels["cluster"] === undefined);
    });
    expect(bare.map(told)).toEqual([]);
  });

  test("gives machines that serve no address of the internet", async () => {
    for (const { name: template, inputs } of ofType(await example(name), "InstanceTemplate")) {
      const isPublic = JSON.stringify(inputs["networkInterfaces"]).includes("accessConfigs");
      expect({ template, isPublic }).toEqual({ template, isPublic: template === "loadtest-template" });
    }
  });

  test("keeps each secret in Secret Manager alone, and there as a secret", async () => {
    const resources = await example(name);
    for (const { inputs } of ofType(resources, "SecretVersion"))
      expect(isSecret(inputs["secretData"])).toBe(true);
    const others = resources.filter(({ type }) => !type.endsWith(":SecretVersion"));
    expect(
      others.filter(({ inputs }) => JSON.stringify(inputs).includes("made-by-google")).map(told),
    ).toEqual([]);
  });

  test("gives accounts few roles, each on as little as can be", async () => {
    const resources = await example(name);
    const ofProject = ofType(resources, "IAMMember").map(({ inputs }) => inputs["role"] as string);
    const allowed =
      /^(roles\/(logging\.logWriter|monitoring\.metricWriter|managedkafka\.client)|projects\/[^/]+\/roles\/\w+_watcher)$/;
    expect(ofProject.filter((role) => !allowed.test(role))).toEqual([]);
    for (const { inputs } of ofType(resources, "IAMCustomRole"))
      expect(inputs["permissions"]).toEqual(["compute.instanceGroupManagers.get"]);
    // These would take the rights of everybody else away.
    expect(resources.filter(({ type }) => /I(AM|am)(Binding|Policy)$/.test(type)).map(told)).toEqual([]);
  });

  test("has no two resources of one type and name in Google's own words", async () => {
    const names = (await example(name)).flatMap(({ type, inputs }) => {
      const id = inputs["name"] ?? inputs["accountId"] ?? inputs["clusterId"];
      return typeof id === "string" ? [`${type} ${String(inputs["region"] ?? "")} ${id}`] : [];
    });
    expect(names.length).toBeGreaterThan(10);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
    for (const one of names) expect(one.split(" ").at(-1)).toMatch(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/);
  });

  test("asks for no value that the provider's documentation does not list", async () => {
    let looked = 0;
    const wrong = (await example(name)).flatMap(({ type, name: resource, inputs }) =>
      texts(inputs).flatMap(([path, text]) => {
        const values = possibleValues(type, path);
        if (values !== undefined) looked++;
        return values === undefined || values.includes(text)
          ? []
          : [`${resource} ${path}: ${text} (${values})`];
      }),
    );
    expect(wrong).toEqual([]);
    expect(looked).toBeGreaterThan(20);
  });

  test("asks for nothing that the provider's declarations do not have", async () => {
    const unknown = (await example(name)).flatMap(({ type, name: resource, inputs }) =>
      Object.keys(inputs).flatMap((key) => (inputsOf(type).includes(key) ? [] : [`${resource}: ${key}`])),
    );
    expect(unknown).toEqual([]);
  });
});

describe("what would be missed", () => {
  const KEPT = ["GlobalAddress address", "Repository registry", "Cluster kafka", "Topic topic-trade"];

  function protection(resources: readonly SeenResource[]): Record<string, boolean> {
    const entries = resources.map(
      (one) => [`${one.type.split(":").at(-1)} ${one.name}`, one.isProtected] as const,
    );
    return Object.fromEntries(entries.filter(([key]) => KEPT.includes(key)));
  }

  test("is protected from deletion, unless the stack says otherwise", async () => {
    const kept = await example("one-region.yaml");
    expect(protection(kept)).toEqual(Object.fromEntries(KEPT.map((key) => [key, true])));
    expect(ofType(kept, "Instance")[0]?.inputs["deletionProtection"]).toBe(true);
    const open = await changed("one-region.yaml", { "shardcast:protect": "false" });
    expect(protection(open)).toEqual(Object.fromEntries(KEPT.map((key) => [key, false])));
    expect(ofType(open, "Instance")[0]?.inputs["deletionProtection"]).toBe(false);
  });
});

function told({ type, name }: SeenResource): string {
  return `${type} ${name}`;
}
