// What the provider's own declarations say of a resource: its inputs, and which values their documentation lists. Pulumi takes any
// text there, and Google refuses it only while the stack is being built.
import { readdirSync, readFileSync } from "node:fs";
import { GCP } from "./examples.ts";

const PROVIDER = `${GCP}node_modules/@pulumi/gcp`;
const files = new Map<string, string>();
const interfaces = new Map<string, ReadonlyMap<string, Property>>();

interface Property {
  readonly comment: string;
  readonly type: string;
}

/** The names of a resource's inputs. */
export function inputsOf(type: string): string[] {
  return [...resourceInputs(type).keys()];
}

/** The values that are listed for an input, such as `backends.0.balancingMode`; undefined where none are. */
export function possibleValues(type: string, path: string): string[] | undefined {
  let properties = resourceInputs(type);
  let found: Property | undefined;
  for (const step of path.split(".").filter((one) => !/^\d+$/.test(one))) {
    found = properties.get(step);
    const [, module, name] = /inputs\.(\w+)\.(\w+)/.exec(found?.type ?? "") ?? [];
    properties = module === undefined || name === undefined ? new Map() : nestedInputs(module, name);
  }
  const [, list] = VALUES.exec(found?.comment ?? "") ?? [];
  return list === undefined
    ? undefined
    : [...list.matchAll(/`"?([A-Z0-9_]+)"?`/g)].map(([, value = ""]) => value);
}

const VALUES =
  /(?:possible|valid) values(?: are| include)?:?\s+((?:(?:and |or )?`"?[A-Z0-9_]+"?`[,.;\s]*)+)/i;

function resourceInputs(type: string): ReadonlyMap<string, Property> {
  const [, module = "", path = "", name = ""] = /^gcp:(\w+)\/(\w+):(\w+)$/.exec(type) ?? [];
  return remembered(type, () => {
    const folder = `${PROVIDER}/${module}`;
    const file = readdirSync(folder).find((one) => one.toLowerCase() === `${path.toLowerCase()}.d.ts`);
    return interfaceOf(`${folder}/${file}`, `${name}Args`, 0, "");
  });
}

function nestedInputs(module: string, name: string): ReadonlyMap<string, Property> {
  const file = `${PROVIDER}/types/input.d.ts`;
  return remembered(`${module}.${name}`, () =>
    interfaceOf(file, name, textOf(file).indexOf(`namespace ${module} {`), "    "),
  );
}

function remembered(key: string, read: () => ReadonlyMap<string, Property>): ReadonlyMap<string, Property> {
  const known = interfaces.get(key) ?? read();
  interfaces.set(key, known);
  return known;
}

function interfaceOf(
  file: string,
  name: string,
  from: number,
  indent: string,
): ReadonlyMap<string, Property> {
  const text = textOf(file);
  const start = text.indexOf(`interface ${name} {`, from);
  if (start < 0) throw new Error(`${file} has no ${name}`);
  const body = text.slice(start, text.indexOf(`\n${indent}}`, start));
  const properties = body.matchAll(/\/\*\*([\s\S]*?)\*\/\s+(\w+)\??: ([^;]+);/g);
  return new Map(
    [...properties].map(([, comment = "", key = "", type = ""]) => [
      key,
      { comment: comment.replaceAll(/\n\s*\*/g, "\n"), type },
    ]),
  );
}

function textOf(file: string): string {
  const text = files.get(file) ?? readFileSync(file, "utf8");
  files.set(file, text);
  return text;
}
