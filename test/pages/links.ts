import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Links and images of a page that lead to no file, or to no heading of it. Those to other sites are `malformedLinks`' to judge. */
export function brokenLinks(root: string, page: string, text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|<(?:img|source)[^>]*?src(?:set)?=["']([^"']+)["']/g)]
    .map(([, link, image]) => link ?? image ?? "")
    .filter((target) => !/^[a-z]+:/.test(target));
  return targets.filter((target) => !leads(root, page, text, target)).map((target) => `${page} → ${target}`);
}

/**
 * Links of a page to other sites that can lead nowhere, as they are written. None is followed: tests need no network, and
 * another site's fault is none of a change's. docs/README.md says how to follow them, now and then.
 */
export function malformedLinks(page: string, text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(\s*([a-z]+:[^)\n]*)(?:\)|$)|<([a-z]+:[^>\n]*)>/gm)]
    .map(([whole, link, bare]) => ({ target: link ?? bare ?? "", isClosed: /[)>]$/.test(whole) }))
    .filter(({ target, isClosed }) => !isClosed || !isWellFormed(target))
    .map(({ target }) => `${page} → ${target}`);
}

function isWellFormed(target: string): boolean {
  if (!/^[a-z]+:\/\/\S*[^\s.,;:]$/.test(target) || !URL.canParse(target)) return false;
  const { protocol, hostname, username } = new URL(target);
  if (username !== "") return false;
  if (OWN_HOSTS.has(hostname)) return protocol === "http:";
  return protocol === "https:" && /^([a-z0-9-]+\.)+[a-z]{2,}$/.test(hostname);
}

/** Where a reader's own server is. */
const OWN_HOSTS: ReadonlySet<string> = new Set(["localhost", "127.0.0.1"]);

function leads(root: string, page: string, text: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, file))) return false;
  if (anchor === undefined) return true;
  return anchorsOf(path === "" ? text : readFileSync(join(root, file), "utf8")).has(anchor);
}

/** As forges make them of headings: lower case, without punctuation, dashes for spaces, numbered where they repeat. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  for (const [, heading = ""] of prose.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = words.replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
    let name = anchor;
    for (let count = 1; anchors.has(name); count++) name = `${anchor}-${count}`;
    anchors.add(name);
  }
  return anchors;
}
