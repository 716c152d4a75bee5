import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Links and images of a page that lead to no file, or to no heading of it. Those to other sites are not followed. */
export function brokenLinks(root: string, page: string, text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|<(?:img|source)[^>]*?src(?:set)?=["']([^"']+)["']/g)]
    .map(([, link, image]) => link ?? image ?? "")
    .filter((target) => !/^[a-z]+:/.test(target));
  return targets.filter((target) => !leads(root, page, text, target)).map((target) => `${page} → ${target}`);
}

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
