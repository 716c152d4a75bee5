/** What a program names itself, in all its places. */
export interface Name {
  /** Words that are longer stay only where all letters are taken. */
  word: string;
  /** Names that must be other words than this one. */
  readonly rivals: Set<Name>;
}

/**
 * A minifier gives the shortest names to what is used most. Here one letter is enough for all, and what counts is that places
 * which are alike have the same ones, because a compressor writes those as a repetition. Which letters these are can not be
 * foreseen, so it is tried, of each name each letter; one that makes the program smaller stays. So does one that changes
 * nothing, because that leads on to others. The same program always ends with the same letters.
 */
export function chooseLetters(names: readonly Name[], size: () => number): void {
  const placeholders = wordsOf(names);
  let order: readonly Name[] = names;
  let best: Choice | undefined;
  for (let start = 0; start < STARTS; start++) {
    giveWords(names, placeholders);
    begin(names);
    const bytes = tryLetters(order, size, size());
    if (best === undefined || bytes < best.bytes) best = { order, bytes, words: wordsOf(names) };
    order = cut(order);
  }
  if (best === undefined) return;
  giveWords(names, best.words);
  for (let round = 1; round < ROUNDS; round++) best.bytes = tryLetters(best.order, size, best.bytes);
}

/** How far one start has led. */
interface Choice {
  /** In which names are tried. */
  readonly order: readonly Name[];
  bytes: number;
  readonly words: readonly string[];
}

/** Whoever has many rivals finds a letter that is left. */
function begin(names: readonly Name[]): void {
  for (const name of names.toSorted((a, b) => a.rivals.size - b.rivals.size)) {
    const taken = new Set([...name.rivals].map(({ word }) => word));
    name.word = LETTERS.find((letter) => !taken.has(letter)) ?? name.word;
  }
}

/** Of each name each letter, once. Returns what it has come to. */
function tryLetters(order: readonly Name[], size: () => number, bytes: number): number {
  let best = bytes;
  for (const name of order) {
    for (const letter of TRIED) {
      const before = name.word;
      exchange(name, letter);
      const now = size();
      if (now <= best) best = now;
      else exchange(name, before);
    }
  }
  return best;
}

/** Another order, in which neighbours are neighbours still. */
function cut(order: readonly Name[]): readonly Name[] {
  const at = Math.ceil(order.length / STARTS);
  return [...order.slice(at), ...order.slice(0, at)];
}

function wordsOf(names: readonly Name[]): string[] {
  return names.map(({ word }) => word);
}

function giveWords(names: readonly Name[], words: readonly string[]): void {
  for (const [at, name] of names.entries()) name.word = words[at] ?? name.word;
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$"];

/** Capitals take longer than what they win is worth. */
const TRIED = LETTERS.slice(0, 26);

/** Where it ends depends on where it begins, by 30 bytes: of so many starts that one goes on which is the best after a round. */
const STARTS = 2;
const ROUNDS = 6;

/** Names it so; its rivals of that word get its own one instead, and so on, so that all rivals stay different. */
function exchange(name: Name, word: string): void {
  const before = name.word;
  if (word === before) return;
  const all = new Set([name]);
  for (const one of all) {
    for (const rival of one.rivals) if (rival.word === word || rival.word === before) all.add(rival);
  }
  for (const one of all) one.word = one.word === before ? word : before;
}
