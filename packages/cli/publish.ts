import { isChannelName } from "@shardcast/protocol/channel";
import { flag, text } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { z } from "zod";
import { type Command, type CommandContext, CommandFailure, EXIT, usageFailure } from "./command.ts";
import { readFlags } from "./readFlags.ts";
import { readStdin } from "./readStdin.ts";
import { unreachable } from "./unreachable.ts";
import { adminUrl } from "./url.ts";

const FLAGS = {
  url: {
    name: "url",
    kind: adminUrl(),
    group: "command",
    doc: "The instance's admin port.",
    default: "http://127.0.0.1:3001",
    where: "flag",
  },
  apiKey: {
    name: "api-key",
    kind: text("an API key", /^[!-~]{1,512}$/, "<key>"),
    group: "command",
    doc: "API key with the scope `publish`. Other users of the machine can see flags: prefer the file.",
    secret: "whole",
    where: "flag and variable",
  },
  json: {
    name: "json",
    kind: flag(),
    group: "command",
    doc: "Print the server's answer as JSON.",
    default: false,
    where: "flag",
  },
} as const satisfies Record<string, Setting>;

/** Longer than any instance needs to append to its log; one that hangs must not hang a script. */
const ANSWER_TIMEOUT_MS = 30_000;

const ANSWER = z.object({ published: z.array(z.object({ channel: z.string(), cursor: z.string() })) });
const REFUSAL = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

const KEY_ADVICE: Readonly<Record<string, string>> = {
  key_required: "Name a file with an API key: --api-key-file.",
  key_invalid: "The key must be one of the server's --api-keys-file, without name and scopes.",
  scope_missing: "Its line in the server's --api-keys-file needs the scope publish.",
};

export const publish: Command = {
  name: "publish",
  summary: "publish one message to a channel",
  usage: "<channel> <json|-> [flags]",
  description:
    "Sends one JSON value to POST /api/publish of an instance's admin port and prints the message's cursor. With - " +
    "the value is read from standard input.",
  settings: FLAGS,
  examples: [
    { does: "an object", line: `shardcast publish news.local '{"title":"Hello"}'` },
    { does: "a text: JSON has quotes of its own", line: `shardcast publish news.local '"Hello"'` },
    { does: "from a file", line: "shardcast publish news.local - < message.json" },
  ],
  exitCodes: {
    0: "The message is in the log; its cursor was printed.",
    1: "The instance refused it, or could not be reached.",
  },
  async run(context) {
    const { values, positionals } = readFlags(FLAGS, context, SETTINGS);
    const body = await bodyOf(positionals, context.signal);
    const answer = await post(new URL("/api/publish", values.url), body, values.apiKey, context.signal);
    if (values.json) await context.stdout.write(`${JSON.stringify(answer)}\n`);
    else
      for (const { channel, cursor } of answer.published)
        await context.stdout.write(`${channel} ${cursor}\n`);
    return EXIT.ok;
  },
};

async function bodyOf(
  [channel, given, extra]: readonly string[],
  signal: CommandContext["signal"],
): Promise<string> {
  if (channel === undefined || given === undefined || extra !== undefined) {
    const advice = `shardcast publish <channel> <json|->. Quote the JSON: shardcast publish a '{"b": 1}'`;
    throw usageFailure("expected a channel and one JSON value", advice);
  }
  if (!isChannelName(channel)) {
    const advice = "Segments of letters, digits and _ : @ $ = + ~ - separated by dots, such as BTC.trade.";
    throw usageFailure(`${JSON.stringify(channel)} is no channel name`, advice);
  }
  const data = given === "-" ? await readStdin(signal) : given;
  try {
    JSON.parse(data);
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    throw usageFailure(`the value is not JSON: ${fault}`, `A plain text needs quotes of its own: '"text"'.`);
  }
  return `{"channel":${JSON.stringify(channel)},"data":${data}}`;
}

async function post(
  url: URL,
  body: string,
  apiKey: string | undefined,
  signal: CommandContext["signal"],
): Promise<z.infer<typeof ANSWER>> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
    },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
  }).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const answer: unknown = await response.json().catch(() => undefined);
  const published = ANSWER.safeParse(answer);
  if (response.ok && published.success) return published.data;
  const refusal = REFUSAL.safeParse(answer);
  const advice = "--url must name the admin port, 3001 by default: http://127.0.0.1:3001";
  if (refusal.success) {
    const { code, message } = refusal.data.error;
    if (code === "not_found")
      throw new CommandFailure(`${url.origin} is the public port: ${message}`, { advice });
    const keyAdvice = KEY_ADVICE[code];
    throw new CommandFailure(
      `refused (${code}): ${message}`,
      keyAdvice === undefined ? {} : { advice: keyAdvice },
    );
  }
  throw new CommandFailure(`${url.href} answered ${response.status} and not as Shardcast does`, { advice });
}
