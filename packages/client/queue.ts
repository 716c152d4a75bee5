import { newPromise } from "./newPromise.ts";

/** A bounded queue between a producer that cannot wait and consumers that can. */
export class BoundedQueue<T extends object> {
  readonly #itemsMax: number;
  readonly #items: T[] = [];
  readonly #waiting: Array<PromiseWithResolvers<IteratorResult<T, undefined>>> = [];
  #ended = false;
  #error: Error | undefined;

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  /** Returns false, and takes nothing, where the queue is full. After `end` items are dropped: nobody will ask. */
  push(item: T): boolean {
    if (this.#ended) return true;
    const consumer = this.#waiting.shift();
    if (consumer !== undefined) {
      consumer.resolve({ value: item, done: false });
      return true;
    }
    if (this.#items.length >= this.#itemsMax) return false;
    this.#items.push(item);
    return true;
  }

  /** What is queued is still handed out; after that consumers get `error` once, or the plain end. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const consumer of this.#waiting.splice(0)) this.#finish(consumer);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const consumer = newPromise<IteratorResult<T, undefined>>();
    const item = this.#items.shift();
    if (item !== undefined) consumer.resolve({ value: item, done: false });
    else if (this.#ended) this.#finish(consumer);
    else this.#waiting.push(consumer);
    return consumer.promise;
  }

  /** Forgets what is queued, for a consumer that leaves. */
  clear(): void {
    this.#items.length = 0;
  }

  #finish(consumer: PromiseWithResolvers<IteratorResult<T, undefined>>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) consumer.resolve({ value: undefined, done: true });
    else consumer.reject(error);
  }
}
