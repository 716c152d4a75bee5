/** Colours and weights for a terminal; the same texts unchanged where colour is not wanted. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  cyan(text: string): string;
}

export function paint(isWanted: boolean): Paint {
  const style = (open: number, close: number) => (text: string) =>
    isWanted && text !== "" ? `\x1b[${open}m${text}\x1b[${close}m` : text;
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    yellow: style(33, 39),
    green: style(32, 39),
    cyan: style(36, 39),
  };
}

/**
 * JSON text in which nothing can steer a terminal: JSON itself leaves the control characters from U+007F on as they
 * are, and data from outside must not move cursors or change titles.
 */
export function printable(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
