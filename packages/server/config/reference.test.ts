import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { configurationReference } from "./reference.ts";
import { GROUPS, type Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

const settings: Setting[] = Object.values(SETTINGS);

test("docs/configuration.md is what the schema says (mended by bun scripts/generateConfiguration.ts)", () => {
  const path = new URL("../../../docs/configuration.md", import.meta.url);
  expect(readFileSync(path, "utf8")).toBe(configurationReference());
});

test("every setting is documented, in a group, under a name of its own", () => {
  expect(new Set(settings.map(({ name }) => name)).size).toBe(settings.length);
  for (const { name, doc, group } of settings) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(doc).toEndWith(".");
    expect(GROUPS[group]).toBeDefined();
  }
});

test("every key of the table is its setting's name in camel case", () => {
  for (const [key, { name }] of Object.entries(SETTINGS)) {
    expect(key).toBe(name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  }
});

test("every default would be accepted if it were given", () => {
  for (const { name, kind, default: standard } of settings) {
    if (standard !== undefined)
      expect([name, kind.schema.safeParse(standard).data]).toEqual([name, standard]);
  }
});
