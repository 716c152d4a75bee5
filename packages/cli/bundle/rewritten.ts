/** Another version may say it otherwise: a bundle that then fails, or holds more, is not to be made in silence. */
export async function rewritten(path: string, pattern: RegExp, to: string): Promise<string> {
  const source = await Bun.file(path).text();
  if (!pattern.test(source)) throw new Error(`${path} has no ${pattern}: the bundle's build is to be mended`);
  return source.replace(pattern, to);
}
