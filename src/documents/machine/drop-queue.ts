import { assert } from '../../base/assert.ts';

/** A queue whose oldest elements are dropped many at a time; each operation costs no more than what it touches. */
export class DropQueue<Element> {
  #elements: Element[] = [];
  #dropped = 0;

  get length(): number {
    return this.#elements.length - this.#dropped;
  }

  push(element: Element): void {
    this.#elements.push(element);
  }

  /** @param index - from 0, the oldest */
  at(index: number): Element | undefined {
    return index < 0 ? undefined : this.#elements[this.#dropped + index];
  }

  /** A copy of some, oldest first. */
  slice(start: number, end: number = this.length): Element[] {
    return this.#elements.slice(this.#dropped + Math.max(start, 0), this.#dropped + Math.max(end, 0));
  }

  drop(count: number): void {
    assert(count <= this.length, 'only what is there is dropped');
    this.#dropped += count;
    // Half of it gone: moving the rest costs less than the drops did.
    if (this.#dropped * 2 < this.#elements.length) return;
    this.#elements = this.#elements.slice(this.#dropped);
    this.#dropped = 0;
  }
}
