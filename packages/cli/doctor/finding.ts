/** What one check found. */
export interface Finding {
  readonly name: string;
  /** `bad`: the wanted number of clients will not be held. `unknown`: the host does not tell. */
  readonly status: "ok" | "warn" | "bad" | "unknown";
  /** What is there, and what follows from it. */
  readonly found: string;
  /** Why it matters; only where something is to be done. */
  readonly why?: string;
  /** What to set, as one would type it. */
  readonly set?: string;
  /** How many clients this lets the instance have; absent where it limits none. */
  readonly clientsMax?: number;
}

/** What the host is to do. */
export interface Wanted {
  readonly connections: number;
  readonly shards: number;
  readonly port: number;
  readonly adminPort: number;
}

/** What a check adds to its status by the number of clients that it allows. */
export function limited(
  clientsMax: number,
  { connections }: Wanted,
  finding: Omit<Finding, "status" | "clientsMax">,
): Finding {
  const { why, set, ...rest } = finding;
  if (clientsMax >= connections) return { ...rest, status: "ok", clientsMax };
  return {
    ...rest,
    status: "bad",
    clientsMax,
    ...(why !== undefined && { why }),
    ...(set !== undefined && { set }),
  };
}

export function unknown(name: string, path: string): Finding {
  return { name, status: "unknown", found: `${path} can not be read here` };
}

export function whole(value: number): string {
  return Math.floor(value).toLocaleString("en-US");
}
