/** What the heap orders by. */
export interface Ordered {
  readonly timeUs: number;
  /** No two are equal. */
  readonly sequence: number;
}

/** A binary heap: the earliest first, and of two at one time the one that was made first. */
export class EventHeap<Item extends Ordered> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  first(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const items = this.#items;
    let place = items.length;
    items.push(item);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = items[above] as Item;
      if (!isBefore(item, other)) break;
      items[place] = other;
      place = above;
    }
    items[place] = item;
  }

  pop(): Item | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && isBefore(items[below + 1] as Item, items[below] as Item)) below += 1;
      const other = items[below] as Item;
      if (!isBefore(other, last)) break;
      items[place] = other;
      place = below;
    }
    items[place] = last;
    return first;
  }
}

function isBefore(one: Ordered, other: Ordered): boolean {
  return one.timeUs < other.timeUs || (one.timeUs === other.timeUs && one.sequence < other.sequence);
}
