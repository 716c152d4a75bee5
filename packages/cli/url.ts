import { checkedText, type Kind, list } from "@shardcast/server/config/kinds";

const HTTP = ["http", "https"];

/** The URL of an admin port. */
export function adminUrl(): Kind<string> {
  return checkedText("an http:// or https:// URL", "<url>", (text) => urlFault(text, HTTP));
}

/** URLs of several, separated by commas. */
export function urls(schemes: readonly string[], max: number): Kind<readonly string[]> {
  const named = schemes.map((scheme) => `${scheme}://`).join(" or ");
  return list(`${named} URLs, separated by commas`, (text) => urlFault(text, schemes), "<url,…>", max);
}

/** What is wrong with a URL, and how it would be right. */
function urlFault(text: string, schemes: readonly string[]): string | undefined {
  const [, scheme, rest] = /^([a-z+]+):\/\/(.*)$/is.exec(text) ?? [];
  const named = schemes.map((each) => `${each}://`).join(" or ");
  if (scheme === undefined) {
    const wanted = `${schemes[0]}://${text}`;
    const example = URL.canParse(wanted) ? `, such as ${wanted}` : "";
    return `it has to begin with ${named}${example}`;
  }
  if (!schemes.includes(scheme.toLowerCase()))
    return `it has to begin with ${named}, such as ${schemes[0]}://${rest}`;
  if (/\s/.test(text) || !URL.canParse(text))
    return "it is no URL: a host and perhaps a port follow the slashes";
  return undefined;
}
