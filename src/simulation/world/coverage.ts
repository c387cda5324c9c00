/** How often each fault struck and each rare branch was reached. What is expected and stays at zero is a hole. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  /** Names what a run could reach; it is listed even if it never was. */
  expect(names: Iterable<string>): void {
    for (const name of names) if (!this.#counts.has(name)) this.#counts.set(name, 0);
  }

  reached(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Adds the counts of another run. */
  merge(other: Coverage | Readonly<Record<string, number>>): void {
    for (const [name, times] of Object.entries(other instanceof Coverage ? other.counts() : other)) {
      this.reached(name, times);
    }
  }

  /** What was expected and never reached, sorted. */
  zeros(): string[] {
    return [...this.#counts].flatMap(([name, times]) => (times === 0 ? [name] : [])).sort();
  }

  /** By name, sorted; for a report, or to send to another process. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}
