import { CHANNEL_BYTES_MAX } from "@shardcast/protocol/channel";

/** One piece of a channel template. */
export type TemplatePart =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "topic" }
  | { readonly kind: "partition" }
  | { readonly kind: "key" }
  | { readonly kind: "header"; readonly name: string }
  /** A field of a JSON value: `["instrument", "symbol"]`. */
  | { readonly kind: "value"; readonly path: readonly string[] };

/** Turns a record into the name of its channel: `{key}.{topic}`. */
export interface Template {
  readonly text: string;
  readonly parts: readonly TemplatePart[];
}

/** A template that can give no channel. Found when the configuration is read, never when a record comes. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly code = "template_malformed";
  readonly template: string;
  /** Characters before the fault. */
  readonly position: number;
  constructor(template: string, position: number, fault: string) {
    super(`channel template ${JSON.stringify(template)}, character ${position + 1}: ${fault}`);
    this.template = template;
    this.position = position;
  }
}

const PLACEHOLDERS = "{topic}, {partition}, {key}, {header.NAME} and {value.path.to.field}";
const LITERAL_CHARACTERS = "letters, digits and _ : @ $ = + ~ - .";
const NOT_LITERAL = /[^A-Za-z0-9_:@$=+~.-]/;

/** Throws `TemplateError`, which names the position and what would be allowed there. */
export function parseTemplate(text: string): Template {
  if (text === "") throw new TemplateError(text, 0, `is empty; it may hold ${PLACEHOLDERS}`);
  const parts: TemplatePart[] = [];
  let position = 0;
  while (position < text.length) {
    if (text[position] === "{") {
      const end = text.indexOf("}", position);
      if (end === -1) throw new TemplateError(text, position, 'this "{" has no "}"');
      parts.push(parsePlaceholder(text, position, text.slice(position + 1, end)));
      position = end + 1;
    } else {
      const brace = text.indexOf("{", position);
      const end = brace === -1 ? text.length : brace;
      parts.push(parseLiteral(text, position, text.slice(position, end)));
      position = end;
    }
  }
  refuseEmptySegments(text, parts);
  return { text, parts };
}

/** Whether the record's value must be parsed as JSON to know its channel. */
export function needsJson(template: Template): boolean {
  return template.parts.some((part) => part.kind === "value");
}

function parsePlaceholder(template: string, position: number, name: string): TemplatePart {
  if (name === "topic" || name === "partition" || name === "key") return { kind: name };
  if (name.startsWith("header.") && name.length > "header.".length) {
    return { kind: "header", name: name.slice("header.".length) };
  }
  if (name.startsWith("value.")) {
    const path = name.slice("value.".length).split(".");
    if (path.every((segment) => segment !== "")) return { kind: "value", path };
    throw new TemplateError(template, position, "a step of the path to the field is empty");
  }
  const hint = name === "value" || name === "header" ? `; write {${name}.NAME}` : "";
  throw new TemplateError(template, position, `{${name}} is not known${hint}; there are ${PLACEHOLDERS}`);
}

function parseLiteral(template: string, position: number, text: string): TemplatePart {
  const at = text.search(NOT_LITERAL);
  if (at !== -1) {
    const fault = `${JSON.stringify(text[at])} may not stand in a channel name; there may be ${LITERAL_CHARACTERS} and ${PLACEHOLDERS}`;
    throw new TemplateError(template, position + at, fault);
  }
  const dots = text.indexOf("..");
  if (dots !== -1) throw new TemplateError(template, position + dots, "a segment between two dots is empty");
  if (text.length > CHANNEL_BYTES_MAX) {
    throw new TemplateError(template, position, `a channel name has at most ${CHANNEL_BYTES_MAX} bytes`);
  }
  return { kind: "literal", text };
}

function refuseEmptySegments(text: string, parts: readonly TemplatePart[]): void {
  const first = parts[0];
  const last = parts.at(-1);
  if (first?.kind === "literal" && first.text.startsWith(".")) {
    throw new TemplateError(text, 0, "a channel name does not begin with a dot");
  }
  if (last?.kind === "literal" && last.text.endsWith(".")) {
    throw new TemplateError(text, text.length - 1, "a channel name does not end with a dot");
  }
}
