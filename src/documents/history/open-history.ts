import type { Disk } from '../../base/disk.ts';
import type { HistoryFileInfo } from '../store/checkpoint-store.ts';
import { damagedFile, missingPosition } from './damage.ts';
import { readPlainFile } from './file-access.ts';
import { isSealingFileName, plainFileName } from './format.ts';
import type { HistoryEnd, PlainFileEnd } from './history-end.ts';
import { findSealed, listHistory, type SealedFileName } from './history-files.ts';

/** What is there after everything beyond the commit was cut. */
export interface OpenedHistory {
  readonly sealed: readonly HistoryFileInfo[];
  /** Not sealed since the commit; ascending. */
  readonly plain: readonly PlainFileEnd[];
}

/**
 * Brings a history directory to exactly what the last commit states (D5). Idempotent: a crash within it is mended by
 * the next.
 * @throws LoggosError `checkpoint-damaged` where committed lines are missing or changed
 */
export async function openHistory(disk: Disk, directory: string, end: HistoryEnd): Promise<OpenedHistory> {
  await disk.makeDirectory(directory);
  const { sealed, plain } = await listHistory(disk, directory);
  const last = sealed.at(-1);
  // A file is sealed only after the commit that covers it, so this is another history's file.
  if (last !== undefined && last.last > end.position) throw damagedFile(last.name, 'it goes beyond the last commit');
  const kept = end.plain.filter((file) => findSealed(sealed, file.first) === undefined);
  for (const file of kept) await cutPlainFile(disk, directory, file);
  checkNothingIsMissing(sealed, kept, end.position);
  const removed = await removeRest(
    disk,
    directory,
    plain.map(({ name }) => name),
    kept,
  );
  if (removed) await disk.syncDirectory(directory);
  return { sealed: await measure(disk, directory, sealed), plain: kept };
}

async function cutPlainFile(disk: Disk, directory: string, end: PlainFileEnd): Promise<void> {
  const path = `${directory}/${plainFileName(end.first)}`;
  await readPlainFile(disk, path, end);
  const file = await disk.open(path, 'write');
  try {
    if ((await file.size()) === end.bytes) return;
    await file.truncate(end.bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Plain files that no commit states or that are sealed by now, and files whose sealing did not end. */
async function removeRest(
  disk: Disk,
  directory: string,
  plainNames: readonly string[],
  kept: readonly PlainFileEnd[],
): Promise<boolean> {
  const keptNames = new Set(kept.map(({ first }) => plainFileName(first)));
  const unfinished = (await disk.list(directory)).filter(isSealingFileName);
  const rest = [...unfinished, ...plainNames.filter((name) => !keptNames.has(name))];
  // The name of the sealed file that replaces a plain one has to be durable before the plain one goes.
  if (rest.length > 0) await disk.syncDirectory(directory);
  for (const name of rest) await disk.remove(`${directory}/${name}`);
  return rest.length > 0;
}

function checkNothingIsMissing(
  sealed: readonly SealedFileName[],
  plain: readonly PlainFileEnd[],
  position: number,
): void {
  let next = 1;
  for (const file of [...sealed, ...plain]) {
    if (file.first !== next) throw missingPosition(next);
    next = file.last + 1;
  }
  if (next !== position + 1) throw missingPosition(next);
}

async function measure(
  disk: Disk,
  directory: string,
  files: readonly SealedFileName[],
): Promise<readonly HistoryFileInfo[]> {
  const measured: HistoryFileInfo[] = [];
  for (const { name } of files) {
    const bytes = (await disk.stat(`${directory}/${name}`))?.bytes ?? 0;
    measured.push({ name, bytes, sealed: true });
  }
  return measured;
}
