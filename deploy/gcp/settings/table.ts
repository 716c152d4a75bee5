import { z } from "zod";

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
}

/** The settings as a table of Markdown, with those within a setting below it. */
export function settingsTable(schema: z.ZodType): string {
  const root = z.toJSONSchema(schema, { io: "input" }) as Node;
  return ["| key | default | |", "|---|---|---|", ...rows(root, "")].join("\n");
}

function rows({ properties = {}, required = [] }: Node, path: string): string[] {
  return Object.entries(properties).flatMap(([key, node]) => {
    const name = `${path}${key}`;
    return [
      `| \`${name}\` | ${required.includes(key) ? "required" : defaultOf(node)} | ${node.description ?? ""} |`,
      ...within(node, name),
    ];
  });
}

function within(node: Node, name: string): string[] {
  if (node.oneOf !== undefined) return node.oneOf.flatMap((one) => kindRows(one, name));
  const { additionalProperties } = node;
  return typeof additionalProperties === "object" ? rows(additionalProperties, `${name}.*.`) : [];
}

/** One of several shapes, told apart by `kind`. */
function kindRows({ properties: { kind, ...rest } = {}, required = [] }: Node, name: string): string[] {
  const shape: Node = { properties: rest, required };
  return [
    `| \`${name}.kind: ${String(kind?.const)}\` | | ${kind?.description ?? ""} |`,
    ...rows(shape, `${name}.`),
  ];
}

function defaultOf(node: Node): string {
  return node.default === undefined ? "none" : `\`${JSON.stringify(node.default)}\``;
}
