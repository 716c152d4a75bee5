import { type Client, connect } from "@shardcast/client";
import { deflate } from "@shardcast/client/deflate";
import { ShardcastError } from "@shardcast/client/errors";
import { isChannelName, isChannelPattern } from "@shardcast/protocol/channel";
import { joinSince } from "@shardcast/protocol/mark";
import type { DataMessage } from "@shardcast/protocol/messages";
import { choice, decimal, flag, integer, list, text } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { type Command, type CommandContext, CommandFailure, EXIT, usageFailure } from "./command.ts";
import { diagnose } from "./diagnose.ts";
import { newestOf } from "./newestOf.ts";
import { type Paint, printable } from "./paint.ts";
import { readFlags } from "./readFlags.ts";
import { urls as urlsKind } from "./url.ts";

const FLAGS = {
  url: {
    name: "url",
    kind: urlsKind(["ws", "wss", "http", "https"], 16),
    group: "command",
    doc: "Where the clients connect: the public port. http is taken for ws, and the path is /ws where there is none. Several are of regions on one log: the next is tried when one fails.",
    default: ["ws://127.0.0.1:3000/ws"],
    where: "flag",
  },
  token: {
    name: "token",
    kind: text("a token", /^[A-Za-z0-9._~+/=-]{1,8192}$/, "<token>"),
    group: "command",
    doc: "Token to show the server. Other users of the machine can see flags: prefer the file, which is read again for each connection.",
    secret: "whole",
    where: "flag and variable",
  },
  json: {
    name: "json",
    kind: flag(),
    group: "command",
    doc: "Print each message whole, as one line of JSON.",
    default: false,
    where: "flag",
  },
  since: {
    name: "since",
    kind: list("cursors or marks, separated by commas", /^[0-9a-z:~]+$/, "<cursor|mark>", 4096),
    group: "command",
    doc: "Begin with what came after this position.",
    where: "flag",
  },
  snapshot: {
    name: "snapshot",
    kind: flag(),
    group: "command",
    doc: "Print the channel's last value first.",
    default: false,
    where: "flag",
  },
  policy: {
    name: "policy",
    kind: choice(["lossless", "latest"]),
    group: "command",
    doc: "`latest`: while this program does not keep up, only the newest value of each channel counts.",
    default: "lossless",
    where: "flag",
  },
  maxRate: {
    name: "max-rate",
    kind: decimal(0.1, 1_000_000),
    group: "command",
    doc: "The newest value of each channel, at most so many times a second; rounded down to a rate that is served.",
    where: "flag",
  },
  encoding: {
    name: "encoding",
    kind: choice(["plain", "deflate"]),
    group: "command",
    doc: "`deflate`: let the server put several messages into one compressed frame.",
    default: "plain",
    where: "flag",
  },
  count: {
    name: "count",
    kind: integer(1, 1_000_000_000),
    group: "command",
    doc: "End after so many messages.",
    where: "flag",
  },
} as const satisfies Record<string, Setting>;

/** Messages that may wait for a slow reader of the output. */
const QUEUE_MAX = 65_536;

export const tail: Command = {
  name: "tail",
  summary: "print a channel's messages as they come",
  usage: "<channel> [flags]",
  description:
    "Subscribes like any client and prints each message: time, channel, cursor and payload. It reconnects by itself " +
    "and resumes where it was; connections lost and messages that could not be had are told on stderr, so that " +
    "stdout holds messages alone. A channel ending in .* stands for all channels that begin so. Ctrl-C ends it.",
  settings: FLAGS,
  examples: [
    { does: "everything below BTC", line: "shardcast tail 'BTC.*'" },
    {
      does: "ten messages, for another program",
      line: "shardcast tail BTC.trade --json --count 10 | jq .data",
    },
    {
      does: "the second region, when the first can not be reached",
      line: "shardcast tail BTC.trade --url wss://eu.example.com --url wss://us.example.com",
    },
    {
      does: "below BTC each channel's newest value, at most twice a second",
      line: "shardcast tail 'BTC.*' --max-rate 2",
    },
    { does: "go on after the last message seen", line: "shardcast tail BTC.trade --since 0k3f9xa:991" },
  ],
  exitCodes: {
    0: "It was ended by Ctrl-C, by --count, or by a reader that had enough.",
    1: "The server refused it, or closed the connection for good.",
  },
  async run(context) {
    const { values, positionals, paths } = readFlags(FLAGS, context, SETTINGS);
    const channel = checkChannel(positionals);
    checkSince(values);
    const urls = values.url.map(webSocketUrl);
    const tokenFile = paths.get("token");
    const token = tokenFile === undefined ? values.token : async () => context.readFile(tokenFile).trim();
    const client = connect(urls, {
      ...(token !== undefined && { token }),
      ...(values.encoding === "deflate" && { encoding: deflate }),
    });
    const end = () => void client.close();
    context.signal.addEventListener("abort", end, { once: true });
    try {
      const refused = tellEvents(client, urls, values.token, context);
      return await Promise.race([print(client, channel, values, context), refused]);
    } finally {
      context.signal.removeEventListener("abort", end);
      await client.close();
    }
  },
};

interface PrintOptions {
  readonly json: boolean;
  readonly snapshot: boolean;
  readonly since: readonly string[] | undefined;
  readonly policy: "lossless" | "latest";
  readonly maxRate: number | undefined;
  readonly count: number | undefined;
}

async function print(
  client: Client,
  channel: string,
  options: PrintOptions,
  context: CommandContext,
): Promise<number> {
  const { since, snapshot, policy, maxRate, count = Number.POSITIVE_INFINITY } = options;
  const isNewestOnly = policy === "latest" || maxRate !== undefined;
  const all = client.subscribe(channel, {
    ...{ snapshot, queueMax: QUEUE_MAX },
    ...(since && { since }),
    ...(policy === "latest" && { policy }),
    ...(maxRate !== undefined && { maxRate }),
  });
  const messages = isNewestOnly ? newestOf(all, QUEUE_MAX) : all;
  let printed = 0;
  try {
    for await (const message of messages) {
      const line = options.json ? printable(JSON.stringify(message)) : format(message, context.paint.stdout);
      await context.stdout.write(`${line}\n`);
      if (++printed >= count) return EXIT.ok;
    }
  } catch (error) {
    if (!(error instanceof ShardcastError) || context.signal.aborted) throw error;
    const advice = error.code === "queue_overflow" ? "Whoever reads the output is too slow." : undefined;
    throw new CommandFailure(`${error.message} (${error.code})`, { cause: error, ...(advice && { advice }) });
  }
  if (context.signal.aborted) return EXIT.ok;
  throw new CommandFailure("the server has closed the connection for good", {
    advice: "See the line above.",
  });
}

function format(message: DataMessage, paint: Paint): string {
  const time = new Date(message.ts).toISOString();
  const note = message.snapshot === true ? ` ${paint.yellow("(last value)")}` : "";
  const payload = printable(JSON.stringify(message.data));
  return `${paint.dim(time)} ${paint.cyan(message.channel)} ${paint.dim(message.cursor)}${note} ${payload}`;
}

/**
 * What happens to the connection goes to stderr. Writing there is not waited for: it is little. Rejects with a
 * `CommandFailure` where the first connection fails for good, and never resolves.
 */
function tellEvents(
  client: Client,
  urls: readonly string[],
  token: string | undefined,
  { stderr, paint, signal }: CommandContext,
): Promise<never> {
  const refused = Promise.withResolvers<never>();
  const tell = (text: string) => void stderr.write(`${text}\n`).catch(() => undefined);
  const isOne = urls.length === 1;
  /** Ever, and in this moment. */
  let wasConnected = false;
  let isConnected = false;
  let tried = client.url;
  let isExplained = false;
  client.on("status", (status) => {
    if (status !== "connected") return;
    const where = isOne && wasConnected ? "again" : `to ${client.url}`;
    tell(paint.stderr.dim(`connected ${where}`));
    wasConnected = true;
    isConnected = true;
  });
  client.on("reconnect", ({ attempt, delayMs, code, reason, url }) => {
    const what = isConnected ? "connection lost" : `could not connect to ${tried}`;
    // Why the first ones failed is found out and told below.
    const isTold = isExplained || (!wasConnected && attempt <= 1);
    isConnected = false;
    isExplained = false;
    tried = url;
    if (isTold) return;
    const why = reason === "" ? `${code}` : `${code} ${reason}`;
    const again = isOne ? "trying again" : `trying ${url}`;
    tell(paint.stderr.yellow(`${what} (${why}); ${again} in ${(delayMs / 1000).toFixed(1)} s.`));
  });
  client.on("gap", ({ channel, reason, after, through }) => {
    const range = after === undefined || through === undefined ? "" : `: after ${after} through ${through}`;
    tell(paint.stderr.red(`gap in ${channel} (${reason})${range}`));
  });
  client.on("error", ({ code, message }) => {
    if (signal.aborted) return;
    if (code !== "connect_failed") return tell(paint.stderr.red(`${message} (${code})`));
    isExplained = true;
    void explain();
  });
  return refused.promise;

  async function explain(): Promise<void> {
    const found = await Promise.all(urls.map((url) => diagnose(url, token, signal)));
    // It may have come about meanwhile.
    if (signal.aborted || isConnected) return;
    const fault = found.map((each) => each.fault).join("; ");
    const advice = [...new Set(found.map((each) => each.advice))].join(" ").trim();
    // What was there may be so again: a server is put in the place of another.
    if (!wasConnected && found.every(({ isFinal }) => isFinal))
      refused.reject(new CommandFailure(fault, { advice }));
    else tell(paint.stderr.yellow(`${fault}; trying again. ${advice}`.trimEnd()));
  }
}

/** Where only the host is given, the path is that of every Shardcast server. */
function webSocketUrl(given: string): string {
  const url = new URL(given.replace(/^http/, "ws"));
  if (url.pathname === "/") url.pathname = "/ws";
  return url.href;
}

function checkChannel([channel, extra]: readonly string[]): string {
  if (channel === undefined || extra !== undefined) {
    throw usageFailure("expected one channel", "shardcast tail <channel>, such as shardcast tail 'BTC.*'");
  }
  if (isChannelName(channel) || isChannelPattern(channel)) return channel;
  const advice = "Segments separated by dots, such as BTC.trade; `BTC.*` is all that begin so.";
  throw usageFailure(`${JSON.stringify(channel)} is neither a channel nor a pattern`, advice);
}

function checkSince({ since, policy, maxRate }: PrintOptions): void {
  if (since !== undefined && (policy === "latest" || maxRate !== undefined)) {
    const advice = "Leave out --since, or --policy latest and --max-rate.";
    throw usageFailure(
      "--since is for who gets every message: of the newest values nothing is repeated",
      advice,
    );
  }
  const joined = joinSince(since ?? []);
  if (!("invalid" in joined)) return;
  const advice = "Take it from a message's `cursor`, such as 0k3f9xa:991, or from a `mark`.";
  throw usageFailure(`--since: ${JSON.stringify(joined.invalid)} is neither a cursor nor a mark`, advice);
}
