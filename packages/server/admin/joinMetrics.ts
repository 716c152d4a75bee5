/**
 * Joins several expositions in Prometheus' text format into one: the samples of one metric must stand together, below
 * one HELP and one TYPE line (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
export function joinMetrics(texts: readonly string[]): string {
  const families = new Map<string, { head: string[]; samples: string[] }>();
  for (const text of texts) {
    let family: { head: string[]; samples: string[] } | undefined;
    for (const line of text.split("\n")) {
      if (line === "") continue;
      if (!line.startsWith("# ")) {
        // The library writes `Nan`, which the format does not know: such as the loop's lag before it was measured.
        family?.samples.push(line.replace(/ Nan$/, " NaN"));
        continue;
      }
      const [, keyword, name = ""] = line.split(" ", 3);
      family = families.get(name);
      if (family === undefined) {
        family = { head: [], samples: [] };
        families.set(name, family);
      }
      if (!family.head.some((known) => known.startsWith(`# ${keyword} `))) family.head.push(line);
    }
  }
  const lines = [...families.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return `${lines.join("\n")}\n`;
}
