/** Each metric's labels of shards. Throws where Prometheus would: samples apart from their metric, a second TYPE. */
export function parseExposition(text: string): Map<string, string[]> {
  const families = new Map<string, string[]>();
  const samples = new Set<string>();
  let current = "";
  let type = "";
  for (const line of text.trimEnd().split("\n")) {
    const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (head !== null) {
      const [, keyword, name = "", value = ""] = head;
      if (name !== current && families.has(name)) throw new Error(`${name} stands in two places`);
      if (keyword === "TYPE") type = value;
      if (!families.has(name)) families.set(name, []);
      current = name;
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = sample;
    const suffix = name.slice(current.length);
    const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : ["", "_sum", "_count"];
    if (!name.startsWith(current) || !suffixes.includes(suffix)) {
      throw new Error(`${name} stands below ${current}`);
    }
    if (Number.isNaN(Number(value)) && !["NaN", "+Inf", "-Inf"].includes(value)) {
      throw new Error(`not a number: ${line}`);
    }
    if (samples.has(`${name}{${labels}}`)) throw new Error(`twice: ${line}`);
    samples.add(`${name}{${labels}}`);
    const shard = /(?:^|,)(shard="[^"]*")/.exec(labels)?.[1];
    if (shard === undefined) throw new Error(`no shard: ${line}`);
    families.get(current)?.push(shard);
  }
  return families;
}
