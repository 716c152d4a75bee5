import { flag } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { z } from "zod";
import { type Command, CommandFailure, EXIT } from "./command.ts";
import { ownAdminUrl } from "./ownAdminUrl.ts";
import { readFlagsAlone } from "./readFlags.ts";
import { unreachable } from "./unreachable.ts";
import { adminUrl } from "./url.ts";

const FLAGS = {
  url: {
    name: "url",
    kind: adminUrl(),
    group: "command",
    doc: "The instance's admin port, or its public one.",
    derived: "http://127.0.0.1:3001, or where SHARDCAST_ADMIN_HOST and SHARDCAST_ADMIN_PORT say",
    where: "flag",
  },
  live: {
    name: "live",
    kind: flag(),
    group: "command",
    doc: "Ask only whether the process turns, as for a restart: not whether it should get clients.",
    default: false,
    where: "flag",
  },
  json: {
    name: "json",
    kind: flag(),
    group: "command",
    doc: "Print the whole answer as JSON.",
    default: false,
    where: "flag",
  },
} as const satisfies Record<string, Setting>;

const ANSWER_TIMEOUT_MS = 2_000;

const CHECK = z.object({ status: z.string(), value: z.unknown(), message: z.string().optional() });
const ANSWER = z.object({ status: z.string(), checks: z.record(z.string(), CHECK).default({}) });

export const health: Command = {
  name: "health",
  summary: "ask an instance how it is, for people and for container engines",
  usage: "[flags]",
  description: "Asks GET /health (or /live) and prints the status and each check that is not ok.",
  settings: FLAGS,
  examples: [
    { does: "an instance on this machine", line: "shardcast health" },
    { does: "as a container's healthcheck", line: "shardcast health --live" },
  ],
  exitCodes: {
    0: "The instance should get clients, which it should while it is degraded too. With --live: it turns.",
    1: "It should not, or does not answer.",
  },
  async run(context) {
    const values = readFlagsAlone(health.name, FLAGS, context);
    const url = new URL(values.live ? "/live" : "/health", values.url ?? ownAdminUrl(context));
    const { isGood, answer } = await ask(url, context.signal);
    if (values.json) await context.stdout.write(`${JSON.stringify(answer)}\n`);
    else {
      const faults = Object.entries(answer.checks).filter(([, { status }]) => status !== "ok");
      const lines = faults.map(
        ([name, check]) => `  ${name}: ${check.status}, ${check.message ?? check.value}\n`,
      );
      await context.stdout.write([`${answer.status}\n`, ...lines].join(""));
    }
    return isGood ? EXIT.ok : EXIT.failed;
  },
};

async function ask(
  url: URL,
  signal: AbortSignal,
): Promise<{ readonly isGood: boolean; readonly answer: z.infer<typeof ANSWER> }> {
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
  }).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const answer = ANSWER.loose().safeParse(await response.json().catch(() => undefined));
  if (answer.success) return { isGood: response.ok, answer: answer.data };
  const advice = "--url must name a port of Shardcast: http://127.0.0.1:3001";
  throw new CommandFailure(`${url.href} answered ${response.status} and not as Shardcast does`, { advice });
}
