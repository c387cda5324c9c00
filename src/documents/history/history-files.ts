import type { Disk } from '../../base/disk.ts';
import { type HistoryFileName, parseHistoryFileName } from './format.ts';

/** A sealed file by its name. */
export interface SealedFileName extends HistoryFileName {
  readonly last: number;
}

/** What lies in a history directory, each ascending by first position; names that are not history files are left out. */
export interface HistoryListing {
  readonly sealed: readonly SealedFileName[];
  readonly plain: readonly HistoryFileName[];
}

export async function listHistory(disk: Disk, directory: string): Promise<HistoryListing> {
  const sealed: SealedFileName[] = [];
  const plain: HistoryFileName[] = [];
  for (const name of await disk.list(directory)) {
    const file = parseHistoryFileName(name);
    if (file === undefined) continue;
    if (file.last === undefined) plain.push(file);
    else sealed.push({ ...file, last: file.last });
  }
  // Padded names sort as their positions do, and `list` sorts by code unit.
  return { sealed, plain };
}

/** The sealed file that holds a position. */
export function findSealed(sealed: readonly SealedFileName[], position: number): SealedFileName | undefined {
  const file = sealed[lastIndexWhere(sealed.length, (index) => (sealed[index]?.first ?? Infinity) <= position)];
  return file !== undefined && file.last >= position ? file : undefined;
}

/** The last index below `count` for which a condition holds that holds up to some index and not above; −1: none. */
export function lastIndexWhere(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
