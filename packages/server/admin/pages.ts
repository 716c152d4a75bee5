import { answerByMethod } from "../httpMethods.ts";

/** One page for browsers: its own HTML, a script and a style sheet that are bundled when they are first asked for. */
export interface PageSource {
  /** Where it is found: `/`, `/demo`. */
  readonly path: string;
  /** `{clients}` in it becomes the origin where clients connect. */
  readonly htmlFile: string;
  /** TypeScript, or JSX for Preact. The HTML names the bundle as `<name>.js`. */
  readonly scriptFile: string;
  /** The HTML names it as `<name>.css`. */
  readonly styleFile: string;
  readonly name: string;
}

/** What a page is of, made when it is asked for. */
interface PageTexts {
  html(): Promise<string>;
  script(): Promise<string>;
  style(): Promise<string>;
}

/** In the server's own bundle the pages lie beside it, made when it was. */
const IS_BUNDLED = !import.meta.url.endsWith(".ts");

function textsBeside(name: string): PageTexts {
  const read = (ending: string) => Bun.file(new URL(`./${name}.${ending}`, import.meta.url)).text();
  return { html: () => read("html"), script: () => read("js"), style: () => read("css") };
}

export function textsOf({ htmlFile, scriptFile, styleFile }: PageSource): PageTexts {
  return {
    html: () => Bun.file(htmlFile).text(),
    script: () => bundled(scriptFile),
    style: () => bundled(styleFile),
  };
}

interface Asset {
  readonly body: string;
  readonly type: string;
  readonly etag: string;
}

/** Bundling takes a moment and is done once, when somebody looks: an instance that nobody looks at pays nothing for it. */
export class Pages {
  readonly #assets = new Map<string, () => Promise<Asset>>();
  readonly #made = new Map<string, Promise<Asset>>();
  readonly #clientsAt: (hostname: string) => string;

  /** `clientsAt` tells the origin where clients connect, `ws://host:port`, by the name of the host that was asked. */
  constructor(sources: readonly PageSource[], clientsAt: (hostname: string) => string) {
    this.#clientsAt = clientsAt;
    for (const page of sources) {
      const { path, name } = page;
      const texts = IS_BUNDLED ? textsBeside(name) : textsOf(page);
      this.#assets.set(path, async () => asset(await texts.html(), "text/html"));
      this.#assets.set(`/${name}.js`, async () => asset(await texts.script(), "text/javascript"));
      this.#assets.set(`/${name}.css`, async () => asset(await texts.style(), "text/css"));
    }
  }

  has(pathname: string): boolean {
    return this.#assets.has(pathname);
  }

  /** For a path that `has` knows. */
  async answer(pathname: string, request: Request): Promise<Response> {
    return await answerByMethod({ GET: () => this.#answer(pathname, request) }, request);
  }

  async #answer(pathname: string, request: Request): Promise<Response> {
    const made = await this.#assetOf(pathname);
    const clients = this.#clientsAt(new URL(request.url).hostname);
    // `requestUrl` lets no host pass that would need to be escaped.
    const { body, type, etag } =
      made.type === "text/html" ? asset(made.body.replaceAll("{clients}", clients), made.type) : made;
    const headers = {
      "Content-Type": `${type}; charset=utf-8`,
      // It is asked for each time, and an unchanged one is not sent again.
      "Cache-Control": "no-cache",
      ETag: etag,
      "Content-Security-Policy": policy(clients),
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
      "Cross-Origin-Opener-Policy": "same-origin",
    };
    if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers });
    return new Response(body, { headers });
  }

  #assetOf(pathname: string): Promise<Asset> {
    const known = this.#made.get(pathname);
    if (known !== undefined) return known;
    const make = this.#assets.get(pathname);
    if (make === undefined) throw new Error(`there is no page ${pathname}`);
    const made = make();
    this.#made.set(pathname, made);
    // What fails, such as for a package that is not installed, may succeed when it is asked for again.
    made.catch(() => this.#made.delete(pathname));
    return made;
  }
}

/** No inline scripts, nothing from elsewhere, and no frame of another page around it. */
function policy(clients: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${clients}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function asset(body: string, type: string): Asset {
  return { body, type, etag: `"${Bun.hash(body).toString(36)}"` };
}

async function bundled(file: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [file],
    target: "browser",
    minify: true,
    // Said here, because no tsconfig.json is there where the project is installed as packages.
    jsx: { runtime: "automatic", importSource: "preact", development: false },
  });
  const [output] = outputs;
  if (output === undefined) throw new Error(`bundling ${file} has brought nothing`);
  return await output.text();
}
