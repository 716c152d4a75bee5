/** Texts longer than this are no typing slips, and the comparison is quadratic. */
const LENGTH_MAX = 64;

/** Slips in a name, of its letters. With more it is another word: `nope` shares two letters of four with `role`. */
const SLIPS_SHARE_MAX = 1 / 3;
const SLIPS_MAX = 3;

/** The known name that is most like what was written, if any is like it. Case, `_` and `-` do not count. */
export function didYouMean(written: string, known: Iterable<string>): string | undefined {
  if (written.length > LENGTH_MAX) return undefined;
  const wanted = plain(written);
  let best: string | undefined;
  let bestDistance = SLIPS_MAX + 1;
  for (const name of known) {
    const candidate = plain(name);
    const distance = editDistance(wanted, candidate);
    const letters = Math.max(wanted.length, candidate.length);
    if (distance < bestDistance && distance <= letters * SLIPS_SHARE_MAX) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, "");
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
