/** What an instance counts of its clients, and must count again when the visitors have gone. */
const GAUGES = [
  ...["connections", "subscriptions", "topics", "slow_clients", "clients_behind", "slow_client_bytes"],
  ...["resumes_queued", "resume_cursors", "resumes_ahead", "ahead_listeners", "departures_waiting"],
  ...["resume_reads", "resume_reads_waiting", "deflate_clients", "deflate_groups", "addresses", "held_bytes"],
];

export type Gauges = ReadonlyMap<string, number>;

/** Each of these gauges of each shard. */
export async function gaugesOf(admins: readonly string[]): Promise<Gauges> {
  const found = new Map<string, number>();
  for (const admin of admins) {
    const text = await (await fetch(`${admin}/metrics`)).text();
    for (const [line, name] of text.matchAll(/^shardcast_(\w+)\{.*$/gm)) {
      if (name === undefined || !GAUGES.includes(name)) continue;
      const at = line.lastIndexOf(" ");
      found.set(`${admin} ${line.slice(0, at)}`, Number(line.slice(at)));
    }
  }
  const names = new Set([...found.keys()].map((key) => /shardcast_(\w+)/.exec(key)?.[1]));
  const missing = GAUGES.filter((name) => !names.has(name));
  if (missing.length > 0) throw new Error(`no metric ${missing.join(", ")}`);
  return found;
}

/** Which of them are higher than they were. */
export function leftOver(before: Gauges, after: Gauges): string[] {
  return [...after]
    .filter(([name, value]) => !(value <= (before.get(name) ?? 0)))
    .map(([name, value]) => `${name}: ${value}, before ${before.get(name)}`);
}
