/** Items of one bucket at most: few enough to be moved for one that comes in between, in a microsecond. */
const BUCKET_MAX = 512;

/**
 * Items in the order of their names, so that all names with one prefix are found without looking at any other. Sorted
 * buckets of a bounded size: to add or delete costs the same whether there are a thousand or a million.
 */
export class NameIndex<Item extends { readonly name: string }> {
  /** None is empty. */
  readonly #buckets: Item[][] = [];

  add(item: Item): void {
    const index = this.#bucketOf(item.name);
    const bucket = this.#buckets[index];
    if (bucket === undefined) {
      this.#buckets.push([item]);
      return;
    }
    bucket.splice(firstAtLeast(bucket, item.name), 0, item);
    if (bucket.length > BUCKET_MAX) this.#buckets.splice(index + 1, 0, bucket.splice(BUCKET_MAX / 2));
  }

  delete(item: Item): void {
    const index = this.#bucketOf(item.name);
    const bucket = this.#buckets[index];
    const at = bucket === undefined ? 0 : firstAtLeast(bucket, item.name);
    if (bucket?.[at] !== item) return;
    bucket.splice(at, 1);
    if (bucket.length === 0) this.#buckets.splice(index, 1);
  }

  /** In order, only those behind the name `after` where that is given. Holds while nothing is added or deleted. */
  *withPrefix(prefix: string, after = ""): Iterable<Item> {
    const from = after > prefix ? after : prefix;
    let index = this.#bucketOf(from);
    let at = firstAtLeast(this.#buckets[index] ?? [], from);
    for (let bucket = this.#buckets[index]; bucket !== undefined; bucket = this.#buckets[++index], at = 0) {
      for (; at < bucket.length; at++) {
        const item = bucket[at];
        if (item === undefined || !item.name.startsWith(prefix)) return;
        if (item.name !== after) yield item;
      }
    }
  }

  /** The last bucket that does not begin behind the name. */
  #bucketOf(name: string): number {
    let low = 0;
    let high = this.#buckets.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#buckets[middle]?.[0]?.name ?? "") <= name) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** The place of the first item whose name is not before the given one. */
function firstAtLeast<Item extends { readonly name: string }>(bucket: readonly Item[], name: string): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bucket[middle]?.name ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
