import type { DatabaseSync } from 'node:sqlite';
import type { Hashes } from '../../base/hashes.ts';
import { type HistoryEnd, printHistoryEnd } from '../history/history-end.ts';
import type { MachineState } from '../machine/types.ts';
import { changeRows, type OpenTransaction } from './open-transaction.ts';
import type { RowScrubber } from './row-scrubber.ts';
import {
  type CommittedCheckpoint,
  dedupeParameters,
  digestInterval,
  digestParameters,
  documentParameters,
  metaKeys,
  metaParameters,
  printCommitted,
  type StoredDocument,
  sql,
} from './schema.ts';
import { inTransaction, Statement } from './sqlite.ts';

/** Expired rows dropped by one commit; more than it writes, so that they do not pile up. */
const dedupeDroppedMin = 1_000;

/** Writes what a transaction holds into the database, within the caller's SQLite transaction. */
export class CommitWriter {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #hashes: Hashes;
  readonly #writeDocument: Statement;
  readonly #writeDedupe: Statement;
  readonly #oldestDedupe: Statement;
  readonly #dropDedupeTo: Statement;
  readonly #writeDigest: Statement;
  readonly #writeMeta: Statement;

  constructor(database: DatabaseSync, path: string, hashes: Hashes) {
    this.#database = database;
    this.#path = path;
    this.#hashes = hashes;
    this.#writeDocument = new Statement(database, path, sql.writeDocument);
    this.#writeDedupe = new Statement(database, path, sql.writeDedupe);
    this.#oldestDedupe = new Statement(database, path, sql.oldestDedupe);
    this.#dropDedupeTo = new Statement(database, path, sql.dropDedupeTo);
    this.#writeDigest = new Statement(database, path, sql.writeDigest);
    this.#writeMeta = new Statement(database, path, sql.writeMeta);
  }

  /**
   * History is durable up to `historyEnd` already (D5). Where the transaction fails the scrubber begins again.
   * @param onWritten - told of each row
   */
  write(
    before: CommittedCheckpoint,
    transaction: OpenTransaction,
    historyEnd: HistoryEnd,
    scrubber: RowScrubber,
    onWritten: (document: StoredDocument) => void,
  ): CommittedCheckpoint {
    const after = this.#writeRows(before, transaction, scrubber, onWritten);
    this.#writeDedupeEntries(transaction);
    if (after.state.instance % digestInterval === 0) this.recordDigest(after);
    this.state(after, historyEnd);
    return after;
  }

  /** Of the first commit, and part of every one: what the files are exact at. */
  state(committed: CommittedCheckpoint, historyEnd: HistoryEnd): void {
    this.#writeMeta.run(metaParameters(metaKeys.checkpoint, printCommitted(committed), this.#hashes));
    this.#writeMeta.run(metaParameters(metaKeys.historyEnd, printHistoryEnd(historyEnd), this.#hashes));
  }

  format(version: number): void {
    this.#writeMeta.run(metaParameters(metaKeys.format, String(version), this.#hashes));
  }

  recordDigest({ state, digest }: CommittedCheckpoint): void {
    const { instance, position, chain } = state;
    this.#writeDigest.run(digestParameters({ instance, position, chain, digest }, this.#hashes));
  }

  /** Runs `write` in one SQLite transaction. */
  atomically<Value>(write: () => Value): Value {
    return inTransaction(this.#database, this.#path, write);
  }

  #writeRows(
    before: CommittedCheckpoint,
    transaction: OpenTransaction,
    scrubber: RowScrubber,
    onWritten: (document: StoredDocument) => void,
  ): CommittedCheckpoint {
    return changeRows(before, transaction, this.#hashes, (row, hash, replacedHash) => {
      this.#writeDocument.run(documentParameters(row, hash));
      scrubber.rowChanged(row.collection, row.documentId, replacedHash, hash);
      onWritten({ row, hash });
    });
  }

  #writeDedupeEntries(transaction: OpenTransaction): void {
    let written = 0;
    for (const entry of transaction.dedupeEntries()) {
      this.#writeDedupe.run(dedupeParameters(entry, this.#hashes));
      written += 1;
    }
    this.#dropExpiredDedupe(transaction.state, dedupeDroppedMin + 2 * written);
  }

  /**
   * Only what is outside the window for good: settings never widen it, and time and ordinals never go back. Times never
   * sink as ordinals grow, so what is expired stands first.
   */
  #dropExpiredDedupe({ time: now, dedupeOrdinal, settings }: MachineState, countMax: number): void {
    let expiredTo: number | undefined;
    for (const columns of this.#oldestDedupe.each(countMax)) {
      const [ordinal, time] = columns as [number, number];
      const isInWindow = time > now - settings.dedupeWindowMs && ordinal > dedupeOrdinal - settings.dedupeEntriesMax;
      if (isInWindow) break;
      expiredTo = ordinal;
    }
    if (expiredTo !== undefined) this.#dropDedupeTo.run([expiredTo]);
  }
}
