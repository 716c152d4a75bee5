import { CHANNEL_BYTES_MAX, isChannelName } from "@shardcast/protocol/channel";
import type { Publication, SourceRecord } from "../publication.ts";
import { buildEnvelope } from "./envelope.ts";
import { needsJson, parseTemplate, type Template, type TemplatePart } from "./template.ts";

/** Why a record has no channel. Stable: metrics and dead letters carry these. */
export const UNROUTABLE_REASONS = [
  "key_missing",
  "key_empty",
  "header_missing",
  "header_empty",
  "value_tombstone",
  "value_not_json",
  "field_missing",
  "field_empty",
  "field_type",
  "channel_invalid",
  "channel_too_long",
] as const;
export type UnroutableReason = (typeof UNROUTABLE_REASONS)[number];

/** A record that no channel can be made for. Its names are never bent to fit: two keys could then share a channel. */
export interface Unroutable {
  readonly unroutable: UnroutableReason;
  /** For people. Bounded in length. */
  readonly detail: string;
}

export interface RouterOptions {
  readonly defaultTemplate: string;
  /** Templates of single topics, which go before the default. */
  readonly topicTemplates: Readonly<Record<string, string>>;
}

/** Pure: the record at an offset gets the same channel and the same envelope whoever routes it. */
export type Router = (streamId: string, record: SourceRecord) => Publication | Unroutable;

/** Throws `TemplateError` where a template is malformed. */
export function createRouter(options: RouterOptions): Router {
  const defaultRoute = compile(parseTemplate(options.defaultTemplate));
  const topicRoutes = new Map<string, ChannelOf>();
  for (const [topic, text] of Object.entries(options.topicTemplates)) {
    topicRoutes.set(topic, compile(parseTemplate(text)));
  }
  return (streamId, record) => {
    const channel = (topicRoutes.get(record.topic) ?? defaultRoute)(record);
    if (typeof channel !== "string") return channel;
    const { offset, timestampMs } = record;
    const envelope = buildEnvelope({ channel, streamId, offset, timestampMs }, record.value);
    return { offset, timestampMs, channel, envelope };
  };
}

export function isUnroutable(routed: Publication | Unroutable): routed is Unroutable {
  return "unroutable" in routed;
}

const DETAIL_CHARACTERS_MAX = 120;

type ChannelOf = (record: SourceRecord) => string | Unroutable;

function compile(template: Template): ChannelOf {
  const parsesJson = needsJson(template);
  return (record) => {
    let json: unknown;
    if (parsesJson) {
      if (record.value === null) return refuse("value_tombstone", "a tombstone has no fields");
      const parsed = parseJson(record.value);
      if (parsed === undefined) return refuse("value_not_json", "the value is not JSON in UTF-8");
      json = parsed.json;
    }
    let channel = "";
    for (const part of template.parts) {
      const text = textOf(part, record, json);
      if (typeof text !== "string") return text;
      channel += text;
    }
    if (isChannelName(channel)) return channel;
    if (channel.length > CHANNEL_BYTES_MAX) {
      return refuse("channel_too_long", `${channel.length} bytes, ${quote(channel)}`);
    }
    return refuse("channel_invalid", quote(channel));
  };
}

function textOf(part: TemplatePart, record: SourceRecord, json: unknown): string | Unroutable {
  switch (part.kind) {
    case "literal":
      return part.text;
    case "topic":
      return record.topic;
    case "partition":
      return String(record.partition);
    case "key":
      if (record.key === null) return refuse("key_missing", "the record has no key");
      if (record.key.length === 0) return refuse("key_empty", "the key is empty");
      return asciiOf(record.key);
    case "header": {
      // Kafka allows a header several times; like its own clients, the last one counts.
      const header = record.headers.findLast(([name]) => name === part.name);
      if (header === undefined) return refuse("header_missing", `no header ${quote(part.name)}`);
      if (header[1].length === 0) return refuse("header_empty", `the header ${quote(part.name)} is empty`);
      return asciiOf(header[1]);
    }
    case "value":
      return fieldOf(json, part.path);
  }
}

/**
 * Channel names are ASCII, so nothing else needs decoding: a byte beyond it becomes a character that the grammar
 * refuses. What is too long for any name is cut one character after the limit, so that it is still too long.
 */
function asciiOf(bytes: Uint8Array): string {
  const length = Math.min(bytes.length, CHANNEL_BYTES_MAX + 1);
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
}

function fieldOf(json: unknown, path: readonly string[]): string | Unroutable {
  const name = path.join(".");
  let value = json;
  for (const step of path) {
    const next = childOf(value, step);
    if (next === undefined) return refuse("field_missing", `no field ${quote(name)}`);
    value = next;
  }
  if (value === "") return refuse("field_empty", `the field ${quote(name)} is empty`);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  // Beyond 2^53 two numbers read as the same one, and 1.10 would turn into 1.1: such names would change in silence.
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  return refuse("field_type", `the field ${quote(name)} is no string, boolean or safe integer`);
}

function childOf(value: unknown, step: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  // An array owns its `length` too, which no JSON holds.
  if (Array.isArray(value) && step === "length") return undefined;
  return Reflect.get(value, step);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseJson(bytes: Uint8Array): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(UTF8.decode(bytes)) };
  } catch {
    // Input that is not JSON is a value to answer, not an error.
    return undefined;
  }
}

function refuse(unroutable: UnroutableReason, detail: string): Unroutable {
  return { unroutable, detail };
}

function quote(text: string): string {
  const cut = text.length > DETAIL_CHARACTERS_MAX ? `${text.slice(0, DETAIL_CHARACTERS_MAX)}…` : text;
  return JSON.stringify(cut);
}
