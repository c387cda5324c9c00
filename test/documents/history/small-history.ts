import type { Disk } from '../../../src/base/disk.ts';
import type { HistoryCuts } from '../../../src/documents/history/format.ts';
import { emptyHistory, type HistoryEnd } from '../../../src/documents/history/history-end.ts';
import { HistoryReader } from '../../../src/documents/history/history-reader.ts';
import { HistoryWriter } from '../../../src/documents/history/history-writer.ts';
import { CrashDisk } from './crash-disk.ts';
import { hashes, type KnownEvent } from './event-source.ts';

export const directory = 'history';

/** Small files with a few frames each, so that a test has many. */
export const smallCuts: HistoryCuts = { filePositionsMax: 20, fileBytesMax: 12 * 1024, frameBytesMin: 2 * 1024 };

export async function openWriter(disk: Disk, end: HistoryEnd = emptyHistory): Promise<HistoryWriter> {
  const writer = new HistoryWriter({ disk, directory, hashes, cuts: smallCuts });
  await writer.open(end);
  return writer;
}

export function readerOf(disk: Disk, end: HistoryEnd, cacheBytesMax = 64 * 1024): HistoryReader {
  const reader = new HistoryReader({ disk, directory, hashes, cacheBytesMax });
  reader.advance(end);
  return reader;
}

/** All events appended and committed at once; sealed what can be. */
export async function historyOf(
  events: readonly KnownEvent[],
  sealed = true,
): Promise<{ readonly disk: CrashDisk; readonly end: HistoryEnd }> {
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  await writer.append(events);
  const end = await writer.sync();
  if (sealed) await writer.sealReady(end);
  await writer.close();
  return { disk, end };
}

export function contents(disk: CrashDisk): Readonly<Record<string, string>> {
  const files = [...disk.files].map(([path, { bytes }]) => [path, bytes.toString('base64')] as const);
  return Object.fromEntries(files.sort(([one], [other]) => (one < other ? -1 : 1)));
}
