import { existsSync } from "node:fs";
import { join } from "node:path";
import { flag, integer, path } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";
import { SETTINGS } from "@shardcast/server/config/settings";
import { type Command, EXIT, usageFailure } from "../command.ts";
import type { Paint } from "../paint.ts";
import { readFlagsAlone } from "../readFlags.ts";
import { type Examination, examine } from "./examine.ts";
import { type Finding, whole } from "./finding.ts";
import { hostAt } from "./host.ts";
import { coresOf } from "./processors.ts";

const own = { group: "command", where: "flag" } as const;

const FLAGS = {
  connections: {
    ...own,
    name: "connections",
    alsoCalled: ["clients"],
    kind: integer(1, 10_000_000),
    doc: "Clients that this instance is to hold.",
    default: 12_000,
  },
  shards: {
    ...own,
    name: "shards",
    kind: integer(1, 256),
    doc: "Shards that it is to have.",
    derived: "one for each core but one, at least one",
  },
  port: {
    ...own,
    name: "port",
    kind: integer(1, 65_535),
    doc: "Its public port.",
    default: SETTINGS.port.default,
  },
  adminPort: {
    ...own,
    name: "admin-port",
    kind: integer(1, 65_535),
    doc: "Its admin port.",
    default: SETTINGS.adminPort.default,
  },
  root: {
    ...own,
    name: "root",
    kind: path(),
    doc: "Where /proc and /sys are read: another host's, mounted or copied.",
    default: "/",
  },
  json: { ...own, name: "json", kind: flag(), doc: "Print JSON.", default: false },
} as const satisfies Record<string, Setting>;

export const doctor: Command = {
  name: "doctor",
  summary: "examine this host: what limits the number of clients, what to set, and why",
  usage: "[flags]",
  description:
    "Reads the limits of files, memory, buffers, ports, connection tracking and processors, of the kernel and of control " +
    "groups, and changes nothing. docs/operations/host-tuning.md explains each.",
  settings: FLAGS,
  examples: [
    { does: "this host", line: "shardcast doctor --connections 50000" },
    {
      does: "as a container sees it",
      line: "docker compose -f docker-compose.multi.yml run --rm shardcast doctor",
    },
  ],
  exitCodes: {
    0: "The wanted number of clients will be held; there may be warnings.",
    1: "It will not.",
  },
  async run(context) {
    const values = readFlagsAlone(doctor.name, FLAGS, context);
    if (!existsSync(join(values.root, "proc/sys")))
      throw usageFailure(
        `there is no proc/sys in ${values.root}`,
        "Name a folder that holds the /proc and /sys of a Linux host: --root /",
      );
    const host = hostAt(values.root);
    const shards = values.shards ?? Math.max(1, (coresOf(host) ?? 2) - 1);
    const { connections, port, adminPort } = values;
    const found = examine(host, { connections, shards, port, adminPort });
    await context.stdout.write(
      values.json ? `${JSON.stringify(found, null, 2)}\n` : textOf(found, context.paint.stdout),
    );
    return found.fits ? EXIT.ok : EXIT.failed;
  },
};

function textOf({ findings, limit, fits, wanted }: Examination, paint: Paint): string {
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2;
  const lines = findings.map(({ name, status, found, why, set }) => {
    const head = `${STYLE[status](paint)(status.toUpperCase().padEnd(8))}${name.padEnd(width)}${found}`;
    const more = [
      ...(why === undefined ? [] : [`because ${why}`]),
      ...(set === undefined ? [] : [`→ ${set}`]),
    ];
    return [head, ...more.map((text) => `        ${" ".repeat(width)}${paint.dim(text)}`)].join("\n");
  });
  const most = limit === undefined ? "unknown" : `${whole(limit.clientsMax)}, by ${limit.name}`;
  const verdict = fits
    ? paint.green(`${whole(wanted.connections)} clients fit`)
    : paint.red(`${whole(wanted.connections)} clients do NOT fit`);
  return `${lines.join("\n")}\n\n${verdict}. The most that this host lets one instance hold: ${most}.\n`;
}

const STYLE: Readonly<Record<Finding["status"], (paint: Paint) => (text: string) => string>> = {
  ok: ({ green }) => green,
  warn: ({ yellow }) => yellow,
  bad: ({ red }) => red,
  unknown: ({ dim }) => dim,
};
