import { openTestPage } from "../page.fixture.ts";
import { type Addresses, atHome } from "./addresses.ts";
import type { Block, Sample } from "./blocks.ts";

const BROWSER_TIMEOUT_MS = 30_000;

interface Line {
  readonly text: string;
  readonly isLast: boolean;
}

/**
 * Runs a script in a page of a real browser until its console has shown what is waited for. `reloaded`: the page is loaded
 * anew after its first line, and what is waited for must come after that. Throws where it does not.
 */
export async function runInBrowser(block: Block, sample: Sample, addresses: Addresses): Promise<void> {
  const { until = "", browser } = sample;
  const loads = browser === "reloaded" ? "2" : "1";
  const page = await openTestPage(`${CONSOLE}\n${atHome(block.text, addresses)}`, { loads });
  const lines: string[] = [];
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), BROWSER_TIMEOUT_MS);
  try {
    for (;;) {
      const line = await Promise.race([page.told<Line>(`line${lines.length}`), late.promise]);
      if (line === undefined) throw new Error(`the page did not show ${until}:\n${lines.join("\n")}`);
      if (line.isLast && line.text.includes(until)) return;
      lines.push(line.text);
    }
  } finally {
    clearTimeout(timer);
    await page.close();
  }
}

/** What the page's console is told, and what goes wrong in it, is told to the test as well, line by line. */
const CONSOLE = `
const loads = Number(new URLSearchParams(location.search).get("loads"));
const load = Number(sessionStorage.getItem("load") ?? 1);
const told = (part) => (typeof part === "string" ? part : part instanceof Error ? String(part) : JSON.stringify(part));
const tellLine = async (...parts) => {
  const line = Number(sessionStorage.getItem("line") ?? 0);
  sessionStorage.setItem("line", line + 1);
  await tell("line" + line, { text: parts.map(told).join(" "), isLast: load >= loads });
  if (load >= loads) return;
  sessionStorage.setItem("load", load + 1);
  location.reload();
};
for (const kind of ["log", "warn", "error"]) console[kind] = (...parts) => void tellLine(...parts);
addEventListener("error", ({ message }) => void tellLine("error: " + message));
addEventListener("unhandledrejection", ({ reason }) => void tellLine("error: " + reason));
`;
