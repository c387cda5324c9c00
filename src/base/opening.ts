/** What is being opened: tells whoever waits when it is open, and forgets whoever does not wait any more. */
export class Opening {
  readonly #waiting = new Set<() => void>();
  #isOpen = false;

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /**
   * @param listener - called once; at once where it is open already
   * @returns forgets the listener
   */
  whenOpen(listener: () => void): () => void {
    if (this.#isOpen) listener();
    else this.#waiting.add(listener);
    return () => void this.#waiting.delete(listener);
  }

  open(): void {
    this.#isOpen = true;
    for (const listener of this.#waiting) listener();
    this.#waiting.clear();
  }
}
