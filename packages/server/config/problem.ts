/** Where a value came from. */
export interface Origin {
  readonly kind: "flag" | "env" | "file" | "default";
  /** As people would look for it: `--port`, `SHARDCAST_PORT`, `port in shardcast.yaml`. */
  readonly name: string;
}

/** One thing that is wrong with the settings. Its texts never hold a secret. */
export interface Problem {
  readonly origin: Origin;
  /** What was wrong. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}

export function formatProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map(
    ({ origin, message, advice }) => `  ${origin.name}: ${message}\n    → ${advice}`,
  );
  return [`${count} with the settings:`, ...lines].join("\n");
}

export function isGiven(origin: Origin): boolean {
  return origin.kind !== "default";
}

export function problemAt(origin: Origin, message: string, advice: string): Problem {
  return { origin, message, advice };
}
