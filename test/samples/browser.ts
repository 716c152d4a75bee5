import { openPage } from "../services/chromiumPage.ts";
import { type Addresses, atHome } from "./addresses.ts";
import type { Block, Sample } from "./blocks.ts";

const BROWSER_TIMEOUT_MS = 30_000;

/**
 * Runs a script in a page of a real browser until its console has shown what is waited for. `reloaded`: the page is loaded
 * anew after its first line, and what is waited for must come after that. Throws where it does not.
 */
export async function runInBrowser(
  block: Block,
  sample: Sample,
  addresses: Addresses,
  program: string,
): Promise<void> {
  const { until = "", browser } = sample;
  const script = await bundle(atHome(block.text, addresses));
  const lines: string[] = [];
  const shown = Promise.withResolvers<boolean>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.method === "GET") {
        const page = `${CONSOLE}<script>const RELOADS = ${browser === "reloaded"};</script><script type="module">${script}</script>`;
        return new Response(page, { headers: { "Content-Type": "text/html" } });
      }
      const { text, isLast } = (await request.json()) as { text: string; isLast: boolean };
      lines.push(text);
      if (isLast && text.includes(until)) shown.resolve(true);
      return new Response(null);
    },
  });
  const page = await openPage(program, `http://127.0.0.1:${server.port}/`);
  const timer = setTimeout(() => shown.resolve(false), BROWSER_TIMEOUT_MS);
  const isShown = await shown.promise;
  clearTimeout(timer);
  await page.close();
  await server.stop(true);
  if (!isShown) throw new Error(`the page did not show ${until}:\n${lines.join("\n")}`);
}

/** What the page's console is told, the page's server is told as well. */
const CONSOLE = `<script>
const isLast = () => !RELOADS || sessionStorage.getItem("reloaded") === "yes";
const tell = async (...parts) => {
  const text = parts.map((part) => (typeof part === "string" ? part : part instanceof Error ? String(part) : JSON.stringify(part))).join(" ");
  await fetch("/", { method: "POST", body: JSON.stringify({ text, isLast: isLast() }) });
  if (isLast()) return;
  sessionStorage.setItem("reloaded", "yes");
  location.reload();
};
for (const kind of ["log", "warn", "error"]) console[kind] = (...parts) => void tell(...parts);
addEventListener("error", ({ message }) => void tell("error: " + message));
addEventListener("unhandledrejection", ({ reason }) => void tell("error: " + reason));
</script>`;

async function bundle(source: string): Promise<string> {
  const packages = new URL("../../packages/", import.meta.url).pathname;
  const build = await Bun.build({
    entrypoints: ["sample.ts"],
    target: "browser",
    plugins: [
      {
        name: "the sample",
        setup(builder) {
          builder.onResolve({ filter: /^sample\.ts$/ }, () => ({ path: "sample.ts", namespace: "sample" }));
          builder.onLoad({ filter: /.*/, namespace: "sample" }, () => ({ contents: source, loader: "ts" }));
          builder.onResolve({ filter: /^@shardcast\/client/ }, ({ path }) => ({
            path: `${packages}client/${path.split("/")[2] ?? "client"}.ts`,
          }));
        },
      },
    ],
  });
  return (await build.outputs[0]?.text()) ?? "";
}
