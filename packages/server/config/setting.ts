import { formatBytes, type Kind } from "./kinds.ts";

export const GROUPS = {
  instance: "Instance",
  gateway: "Clients' side",
  admission: "Admission",
  departures: "Sending clients elsewhere",
  auth: "Who may",
  admin: "Admin port",
  bus: "Bus",
  kafka: "Kafka",
  routing: "Routing",
  history: "History and resuming",
  limits: "Limits per client",
  demo: "Demo feed",
  logging: "Logging",
  command: "This command",
} as const;

export type Group = keyof typeof GROUPS;

/** One setting: everything that flags, variables, config file, help and the reference know about it. */
export interface Setting<T = unknown> {
  /** Without its dashes; also the key in a config file. */
  readonly name: string;
  readonly kind: Kind<T>;
  readonly group: Group;
  /** One or two sentences, the first of which stands alone in help. */
  readonly doc: string;
  /** Absent: not set, or derived as `derived` says. */
  readonly default?: T;
  /** What the value is where none is given and no fixed default holds. */
  readonly derived?: string;
  /**
   * `whole`: never printed. `url`: may hold a password, which is not printed. Both can also be read from a file, by
   * the same name with `-file`.
   */
  readonly secret?: "whole" | "url";
  /** What else one may call its flag: it is suggested to who does, and never taken. */
  readonly alsoCalled?: readonly string[];
  /** Absent: a flag, a variable and a key of the config file. */
  readonly where?: "flag" | "flag and variable";
}

/** The value types of a table of settings. What has no default may be missing. */
export type SettingValues<S extends Readonly<Record<string, Setting>>> = {
  readonly [K in keyof S]: S[K] extends { readonly kind: Kind<infer T> }
    ? S[K] extends { readonly default: unknown }
      ? T
      : T | undefined
    : never;
};

export function flagOf(setting: Pick<Setting, "name">): string {
  return `--${setting.name}`;
}

export function variableOf(setting: Pick<Setting, "name">): string {
  return `SHARDCAST_${setting.name.toUpperCase().replaceAll("-", "_")}`;
}

/** A value as one would write it after the setting's flag. */
export function formatValue({ kind }: Pick<Setting, "kind">, value: unknown): string {
  if (typeof value === "number" && kind.unit === "bytes") return formatBytes(value);
  if (Array.isArray(value)) return value.join(",");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([name, entry]) => `${name}=${String(entry)}`)
      .join(",");
  }
  return String(value);
}
