interface Entry<T> {
  readonly number: number;
  readonly item: T;
}

/** A heap of items by the numbers that they came with, the least first. An item is in it once. */
export class OldestFirst<T> {
  readonly #entries: Entry<T>[] = [];
  readonly #items = new Set<T>();

  add(number: number, item: T): void {
    if (this.#items.has(item)) return;
    this.#items.add(item);
    const entries = this.#entries;
    const entry = { number, item };
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = entries[parentAt];
      if (parent === undefined || parent.number <= number) break;
      entries[at] = parent;
      entries[parentAt] = entry;
      at = parentAt;
    }
  }

  clear(): void {
    this.#entries.length = 0;
    this.#items.clear();
  }

  take(): T | undefined {
    const entries = this.#entries;
    const [first] = entries;
    const last = entries.pop();
    if (first === undefined || last === undefined) return undefined;
    this.#items.delete(first.item);
    if (last !== first) this.#sink(last);
    return first.item;
  }

  /** Puts an entry in the place of the first, and moves it down to where it belongs. */
  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    entries[0] = entry;
    for (let at = 0; ; ) {
      const left = entries[2 * at + 1];
      const right = entries[2 * at + 2];
      if (left === undefined) return;
      const isRight = right !== undefined && right.number < left.number;
      const child = isRight ? right : left;
      if (entry.number <= child.number) return;
      entries[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
      entries[at] = entry;
    }
  }
}
