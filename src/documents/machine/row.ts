import type { Hashes } from '../../base/hashes.ts';
import { ByteWriter } from './byte-writer.ts';
import type { DocumentRow, HistoryFork } from './types.ts';

const writer = new ByteWriter();

/**
 * SHA-256 over all columns of a row: its checksum, and its term in the digest of the documents. In order: collection,
 * id, revision, position, time, deleted (0 or 1), back (8 bytes each behind the length of all), body.
 */
export function rowHash(row: DocumentRow, hashes: Hashes): Uint8Array {
  writer.begin().text(row.collection).text(row.documentId);
  writer
    .integer(row.revision)
    .integer(row.position)
    .integer(row.time)
    .integer(row.deleted ? 1 : 0);
  writer.count(row.back.length * 8);
  for (let index = 0; index < row.back.length; index++) writer.integer(row.back[index] ?? 0);
  return hashes.sha256(writer.text(row.body).view());
}

/**
 * An entity tag's text without quotes: the revision, and where the position that wrote it belongs to a history that is
 * not the first, `-` and the first 6 characters of that history's id.
 */
export function tagOf(position: number, revision: number, histories: readonly HistoryFork[]): string {
  for (let index = histories.length - 1; index > 0; index--) {
    const history = histories[index];
    if (history !== undefined && history.fork < position) return `${revision}-${history.id.slice(0, 6)}`;
  }
  return String(revision);
}
