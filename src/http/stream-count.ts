import { LoggosError } from '../base/errors.ts';

/** Counts open streams and long polls of all databases, apart from requests, so that they cannot starve writes. */
export class StreamCount {
  readonly #max: number;
  #open = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get open(): number {
    return this.#open;
  }

  /** @returns what gives the place back, once. @throws LoggosError `busy` at the limit */
  enter(): () => void {
    if (this.#open >= this.#max) throw new LoggosError('busy', `${this.#max} event streams are open already`);
    this.#open++;
    let isOpen = true;
    return () => {
      if (isOpen) this.#open--;
      isOpen = false;
    };
  }
}
