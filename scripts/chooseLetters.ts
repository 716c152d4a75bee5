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
  // Whoever has many rivals finds a letter that is left.
  for (const name of names.toSorted((a, b) => a.rivals.size - b.rivals.size)) {
    const taken = new Set([...name.rivals].map(({ word }) => word));
    name.word = LETTERS.find((letter) => !taken.has(letter)) ?? name.word;
  }
  let best = size();
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) {
      for (const letter of TRIED) {
        const before = name.word;
        exchange(name, letter);
        const now = size();
        if (now <= best) best = now;
        else exchange(name, before);
      }
    }
  }
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];

/** Capitals and further rounds take longer than what they win is worth. */
const TRIED = LETTERS.slice(0, 26);
const ROUNDS = 3;

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
