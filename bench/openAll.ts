/** Opens clients 0 to `count` - 1, in groups of `atOnce`, so that what they wait for is never a full queue of handshakes. */
export async function openAll(
  count: number,
  atOnce: number,
  open: (index: number) => Promise<unknown>,
): Promise<void> {
  for (let first = 0; first < count; first += atOnce) {
    const group = Math.min(atOnce, count - first);
    await Promise.all(Array.from({ length: group }, (_, at) => open(first + at)));
  }
}
