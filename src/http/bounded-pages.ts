/** How many items are fetched first: few enough that the largest documents fit a page's bytes. */
const firstCount = 16;

/**
 * Collects items up to `limit` and about `bytesMax`, in steps that grow as far as the sizes seen so far allow, so that
 * memory is bounded although one item may have a megabyte.
 * @param fetch - at most `count` more items; fewer means that there are no more
 * @returns whether it stopped before the end
 */
export async function collectBounded<Item>(options: {
  readonly limit: number;
  readonly bytesMax: number;
  readonly bytesOf: (item: Item) => number;
  readonly fetch: (count: number, last: Item | undefined) => Promise<readonly Item[]>;
}): Promise<{ readonly items: Item[]; readonly isEnd: boolean }> {
  const { limit, bytesMax, bytesOf, fetch } = options;
  const items: Item[] = [];
  let bytes = 0;
  while (items.length < limit && bytes < bytesMax) {
    const average = items.length === 0 ? bytesMax / firstCount : Math.max(1, bytes / items.length);
    const fitting = Math.max(1, Math.ceil((bytesMax - bytes) / average));
    const count = Math.min(limit - items.length, fitting, Math.max(firstCount, items.length * 4));
    const more = await fetch(count, items.at(-1));
    for (const item of more) {
      items.push(item);
      bytes += bytesOf(item);
    }
    if (more.length < count) return { items, isEnd: true };
  }
  return { items, isEnd: false };
}
