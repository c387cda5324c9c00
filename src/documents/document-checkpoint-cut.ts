import { crc32 } from 'node:zlib';
import type { Disk } from '../base/disk.ts';
import { damagedFile } from './history/damage.ts';
import { readPlainFile, writeFileWhole } from './history/file-access.ts';
import { plainFileName } from './history/format.ts';
import type { HistoryEnd, PlainFileEnd } from './history/history-end.ts';
import { findSealed, listHistory } from './history/history-files.ts';
import type { HistoryReader } from './history/history-reader.ts';

const linesMax = 1_024;
const bytesMax = 4 * 1024 * 1024;

/**
 * Cuts the history files in a directory, which nobody else has open, behind a position: whole files before it stay as
 * they are, the one that holds it becomes (or stays) plain and ends there, later ones go. Not atomic: what a crash leaves
 * is of no use.
 * @param reader - of that directory, to `end`; of no use afterwards
 * @returns what a commit at that position states
 */
export async function cutHistory(options: {
  readonly disk: Disk;
  readonly directory: string;
  readonly reader: HistoryReader;
  readonly end: HistoryEnd;
  readonly position: number;
}): Promise<HistoryEnd> {
  const { disk, directory, reader, end, position } = options;
  const listing = await listHistory(disk, directory);
  const plain: PlainFileEnd[] = [];
  // A file that is sealed may have its plain one beside it still: then the sealed one counts.
  const openFiles = end.plain.filter(({ first }) => findSealed(listing.sealed, first) === undefined);
  const files = [...listing.sealed.map((file) => ({ ...file, plain: undefined })), ...openFiles.map(asFile)];
  for (const file of files) {
    if (file.last <= position) {
      if (file.plain !== undefined) plain.push(file.plain);
      continue;
    }
    // Read before its file is written anew or goes.
    const lines = file.first <= position ? await linesOf(reader, file.first, position) : undefined;
    await disk.remove(`${directory}/${file.name}`);
    if (lines === undefined) continue;
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    await writeFileWhole(disk, `${directory}/${plainFileName(file.first)}`, bytes);
    plain.push({ first: file.first, last: position, bytes: bytes.length, crc: crc32(bytes) });
  }
  for (const { first, name } of listing.plain) {
    if (!plain.some((file) => file.first === first)) await disk.remove(`${directory}/${name}`);
  }
  await disk.syncDirectory(directory);
  for (const file of plain) await readPlainFile(disk, `${directory}/${plainFileName(file.first)}`, file);
  return { position, plain };
}

function asFile(plain: PlainFileEnd) {
  return { name: plainFileName(plain.first), first: plain.first, last: plain.last, plain };
}

/** Of one file, which is bounded in lines and bytes. */
async function linesOf(reader: HistoryReader, first: number, last: number): Promise<readonly string[]> {
  const found: string[] = [];
  while (found.length <= last - first) {
    const after = first - 1 + found.length;
    const countMax = Math.min(linesMax, last - after);
    const { lines } = await reader.lines({ after, countMax, bytesMax, scanMax: countMax });
    if (lines.length === 0) throw damagedFile(plainFileName(first), 'a line is missing', after + 1);
    for (const { line } of lines) found.push(line);
  }
  return found;
}
