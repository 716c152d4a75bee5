import { parse as parseYaml } from "yaml";
import { parseServerMessages } from "../../packages/client/parse.ts";
import { parseRequest } from "../../packages/server/gateway/requests.ts";
import { CLIENT_MESSAGES, type MessageEntry, SERVER_MESSAGES } from "../protocolPage/catalogue.ts";
import type { Block } from "./blocks.ts";

/** What is wrong with a block of JSON or YAML. JSON that has a `type` is a message of the protocol, and held to it. */
export function dataProblems({ language, text }: Block): string[] {
  try {
    const value: unknown = language === "yaml" ? parseYaml(text) : JSON.parse(text);
    return language === "json" && isObject(value) && "type" in value ? messageProblems(value) : [];
  } catch (error) {
    return [`${error}`];
  }
}

function messageProblems(message: Record<string, unknown>): string[] {
  const type = `${message["type"]}`;
  const ofClient = CLIENT_MESSAGES[type];
  const entry = ofClient ?? SERVER_MESSAGES[type];
  if (entry === undefined) return [`there is no message ${type}`];
  return [
    ...fieldProblems(message, entry),
    ...(ofClient === undefined ? asClient(message) : asServer(message)),
  ];
}

function fieldProblems({ type: _, ...message }: Record<string, unknown>, entry: MessageEntry): string[] {
  const problems = compareFields(message, entry.fields);
  const list = message[entry.items?.of ?? ""];
  const items = Array.isArray(list) ? list.filter(isObject) : [];
  return [...problems, ...items.flatMap((item) => compareFields(item, entry.items?.fields ?? {}))];
}

function compareFields(value: Record<string, unknown>, fields: MessageEntry["fields"]): string[] {
  const absent = Object.keys(fields).filter((name) => fields[name] === "required" && !(name in value));
  const unknown = Object.keys(value).filter((name) => fields[name] === undefined);
  return [...absent.map((name) => `it lacks ${name}`), ...unknown.map((name) => `it has no ${name}`)];
}

/** As the server reads it. */
function asServer(message: Record<string, unknown>): string[] {
  const request = parseRequest(JSON.stringify(message), 1000);
  return request.type === "refused" ? [request.message] : [];
}

/** As the SDK reads it. */
function asClient(message: Record<string, unknown>): string[] {
  const [read] = parseServerMessages(JSON.stringify(message));
  return read === undefined ? ["the SDK takes it for no message"] : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
