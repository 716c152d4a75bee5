import { type Logger, pino } from "pino";
import type { Config } from "./config/shape.ts";

/** Structured logs on stderr, so that stdout stays for what a command prints. */
export function createLogger(
  logging: Config["logging"],
  bindings: Readonly<Record<string, unknown>>,
): Logger {
  const options = { level: logging.level, base: { ...bindings, pid: process.pid } };
  return pino(options, {
    write: (line: string) => process.stderr.write(logging.format === "pretty" ? pretty(line) : line),
  });
}

const LEVELS: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** One line for people: time, level, message, then the fields. */
function pretty(line: string): string {
  const { level, time, msg, pid: _, instance: __, err, ...fields } = JSON.parse(line);
  const clock = new Date(time).toISOString().slice(11, 23);
  const rest = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const error = err === undefined ? "" : ` — ${err.message ?? err}`;
  return `${clock} ${LEVELS[level] ?? level} ${msg}${error}${rest.join("")}\n`;
}
