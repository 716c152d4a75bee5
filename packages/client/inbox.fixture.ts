/** Collects what arrives, so that a test can await it one by one. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: Array<(item: T) => void> = [];

  readonly push = (item: T): void => {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#items.push(item);
    else resolve(item);
  };

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async take(count: number): Promise<T[]> {
    const items: T[] = [];
    while (items.length < count) items.push(await this.next());
    return items;
  }

  /** What has arrived and was not awaited. */
  get left(): number {
    return this.#items.length;
  }
}
