/** The sum over all shards of each counter or gauge that an instance tells. */
export async function scrape(admin: string): Promise<(name: string, label?: string) => number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith("shardcast_"));
  return (name, label = "") =>
    lines
      .filter((line) => /^shardcast_(\w+)/.exec(line)?.[1] === name && line.includes(label))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
