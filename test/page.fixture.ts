import { chromiumProgram, openPage } from "./services/chromiumPage.ts";

export const chromium = chromiumProgram();

/** A page, and what it tells this test: a `POST` of JSON to a path. */
export interface TestPage {
  readonly url: string;
  /** What the page posts to `/name` next, or has posted first. */
  told<T>(name: string): Promise<T>;
  close(): Promise<void>;
}

/** Opens what `servePage` serves in a Chromium of its own. */
export async function openTestPage(module: string, query: Record<string, string>): Promise<TestPage> {
  const site = await servePage(module);
  const url = `${site.url}/?${new URLSearchParams(query)}`;
  const browser = await openPage(chromium ?? "chromium", url);
  return {
    ...site,
    url,
    async close() {
      await browser.close();
      await site.close();
    },
  };
}

/**
 * A page whose only content is this module; it may import the SDK. Its `location.search` holds the query, and
 * `tell(name, value)` is there for it.
 */
export async function servePage(module: string): Promise<TestPage> {
  const script = await bundle(`${TELL}\n${module}`);
  const told = new Map<string, PromiseWithResolvers<unknown>>();
  const slot = (name: string) => {
    const known = told.get(name) ?? Promise.withResolvers<unknown>();
    told.set(name, known);
    return known;
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "POST") slot(pathname.slice(1)).resolve(await request.json());
      const headers = { "Content-Type": "text/html" };
      return new Response(`<link rel=icon href=data:,><script type="module">${script}</script>`, { headers });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    async told<T>(name: string) {
      const value = await slot(name).promise;
      told.delete(name);
      return value as T;
    },
    close: () => server.stop(true),
  };
}

const TELL = `const tell = (name, value) => fetch("/" + name, { method: "POST", body: JSON.stringify(value ?? null) });`;

async function bundle(module: string): Promise<string> {
  const entry = "page.ts";
  const build = await Bun.build({
    entrypoints: [entry],
    target: "browser",
    plugins: [
      {
        name: "the page",
        setup(builder) {
          builder.onResolve({ filter: /^page\.ts$/ }, () => ({ path: entry, namespace: "page" }));
          builder.onLoad({ filter: /.*/, namespace: "page" }, () => ({ contents: module, loader: "ts" }));
          builder.onResolve({ filter: /^@shardcast\/client/ }, ({ path }) => ({
            path: new URL(`../packages/client/${path.split("/")[2] ?? "client"}.ts`, import.meta.url)
              .pathname,
          }));
        },
      },
    ],
  });
  const [output] = build.outputs;
  if (output === undefined) throw new Error("the page could not be bundled");
  return output.text();
}
