import { setPriority } from 'node:os';

/** Enough to let others go first whenever they have something to do, little enough to keep a quarter of a busy core. */
const background = 5;

/** The calling thread gives way to the others of this process, for good. Only Linux has priorities of threads. */
export function giveWay(): void {
  if (process.platform !== 'linux') return;
  setPriority(0, background);
}
