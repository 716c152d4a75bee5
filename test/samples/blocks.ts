/** A fenced block of a page. */
export interface Block {
  /** Page and line, to be told where something is wrong. */
  readonly where: string;
  readonly language: string;
  readonly text: string;
  /** What the comment right before it says, without its marks; undefined where there is none. */
  readonly comment: string | undefined;
}

/** How a block is run, or why it is not. */
export type Plan =
  | { readonly kind: "run"; readonly sample: Sample }
  | { readonly kind: "parse" }
  /** The same text stands on that page, and is run there. */
  | { readonly kind: "run elsewhere"; readonly page: string }
  | { readonly kind: "not run"; readonly why: string }
  | { readonly kind: "wrong"; readonly problem: string };

export interface Sample {
  readonly stage: Stage;
  /** Output to wait for, where the sample does not end by itself. */
  readonly until?: string;
  /** The same, but what follows on the page brings it about: it is waited for at the end of the page. */
  readonly isLater: boolean;
  readonly browser: "none" | "once" | "reloaded";
}

/** What a sample finds running: nothing, or an instance with the demo feed, or one that asks for tokens as well. */
export type Stage = "nothing" | "demo" | "tokens";

/** Also those that are indented, as within a list. */
const FENCE = /^(?: *<!--((?:(?!-->)[\s\S])*)-->\n\n?)?( *)```([^\n]*)\n([\s\S]*?)^ *```$/gm;

export function blocksOf(page: string, text: string): Block[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [whole, comment, indent = "", language = "", code = ""] = match;
    const line = text.slice(0, match.index + whole.indexOf("```")).split("\n").length;
    const lines = code
      .split("\n")
      .map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each));
    return {
      where: `${page}:${line}`,
      language: language.trim(),
      text: lines.join("\n"),
      comment: comment?.trim(),
    };
  });
}

/** Languages of code that runs. Without a comment such a block is an error: no sample stays unrun by accident. */
const RUN: readonly string[] = ["sh", "ts", "js"];
const PARSED: readonly string[] = ["json", "yaml"];
/** What is no code, or the configuration of other programs, which their own tests hold. */
const SHOWN: readonly string[] = ["text", "conf", "mermaid"];

export function planOf({ language, comment }: Block): Plan {
  const [, why] = /^not run: (.+)$/s.exec(comment ?? "") ?? [];
  if (why !== undefined) return { kind: "not run", why };
  if (PARSED.includes(language)) return { kind: "parse" };
  if (SHOWN.includes(language)) return { kind: "not run", why: "it is no code" };
  if (!RUN.includes(language)) {
    const problem = `name a language: ${[...RUN, ...PARSED, ...SHOWN].join(", ")}`;
    return { kind: "wrong", problem };
  }
  const [, page] = /^sample: run on (\S+\.md)$/.exec(comment ?? "") ?? [];
  if (page !== undefined) return { kind: "run elsewhere", page };
  const sample = sampleOf(comment ?? "");
  if (sample === undefined) {
    const problem = "say how it is run, as <!-- sample: on demo -->, or why not, as <!-- not run: why -->";
    return { kind: "wrong", problem };
  }
  return { kind: "run", sample };
}

const SAMPLE =
  /^sample: on (nothing|demo|tokens)(, in a browser(?:, reloaded)?)?(?:, (until|later) "([^"]+)")?$/;

function sampleOf(comment: string): Sample | undefined {
  const match = SAMPLE.exec(comment);
  if (match === null) return undefined;
  const [, stage, browser, when, until] = match;
  return {
    stage: stage as Stage,
    browser: browser === undefined ? "none" : browser.endsWith("reloaded") ? "reloaded" : "once",
    isLater: when === "later",
    ...(until !== undefined && { until }),
  };
}
