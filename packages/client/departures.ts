/**
 * Names that are being unsubscribed. Until the server has answered, what arrives for such a name belongs to the
 * subscription that was given up; a new one of the same name must not begin with it, because what follows is missing.
 */
export class Departures {
  readonly #planned = new Set<string>();
  /** How many unanswered requests name it. */
  readonly #sent = new Map<string, number>();

  plan(name: string): void {
    this.#planned.add(name);
  }

  has(name: string): boolean {
    return this.#planned.has(name) || this.#sent.has(name);
  }

  /** The planned names, which the caller sends now. */
  take(): readonly string[] {
    const names = [...this.#planned];
    this.#planned.clear();
    for (const name of names) this.#sent.set(name, (this.#sent.get(name) ?? 0) + 1);
    return names;
  }

  answered(names: readonly string[]): void {
    for (const name of names) {
      const count = this.#sent.get(name) ?? 0;
      if (count > 1) this.#sent.set(name, count - 1);
      else this.#sent.delete(name);
    }
  }

  clear(): void {
    this.#planned.clear();
    this.#sent.clear();
  }
}
