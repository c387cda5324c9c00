import { isDeepStrictEqual } from 'node:util';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Hashes } from '../base/hashes.ts';
import type {
  CheckpointFile,
  CheckpointMoment,
  Fingerprint,
  RewoundCheckpoint,
  VerifiedCheckpoint,
} from '../statemachine/state-machine.ts';
import { CheckpointRewind } from './document-checkpoint-rewind.ts';
import { type HistoryEnd, parseHistoryEnd } from './history/history-end.ts';
import { HistoryReader } from './history/history-reader.ts';
import { verifyHistory } from './history/verify-history.ts';
import { type EventLine, parseEventLine } from './machine/event-line.ts';
import { forkState } from './machine/fork.ts';
import { CommitWriter } from './store/commit-writer.ts';
import { RowScrubber } from './store/row-scrubber.ts';
import {
  base64url,
  type CommittedCheckpoint,
  checkFormat,
  damaged,
  databaseFile,
  historyDirectory,
  metaKeys,
} from './store/schema.ts';
import { openAlone, Statement } from './store/sqlite.ts';
import { isSame, VerifiedRows } from './store/verified-rows.ts';

const scanBytesMax = 4 * 1024 * 1024;
const scanLinesMax = 8_192;
const historyCacheBytesMax = 8 * 1024 * 1024;

/** What an opened checkpoint is read with. */
interface OpenCheckpoint {
  readonly path: string;
  readonly database: ReturnType<typeof openAlone>;
  readonly rows: VerifiedRows;
  readonly committed: CommittedCheckpoint;
  readonly historyEnd: HistoryEnd;
}

/** Checkpoint files that nobody has open: received, unpacked from a backup, or of a replica that does not run. */
export class DocumentCheckpoint {
  readonly #disk: Disk;
  readonly #hashes: Hashes;

  constructor({ disk, hashes }: { readonly disk: Disk; readonly hashes: Hashes }) {
    this.#disk = disk;
    this.#hashes = hashes;
  }

  /** The files are there as listed and say that they are exact at `instance`. @throws LoggosError `snapshot-damaged` */
  load(directory: string, files: readonly CheckpointFile[], instance: number): Promise<void> {
    return this.#examine(directory, async ({ committed }) => {
      await this.#checkFiles(directory, files);
      const stated = committed.state.instance;
      if (stated !== instance) throw notWhole(`it is exact at instance ${stated}, not at ${instance}`);
    });
  }

  /**
   * Reads everything: SQLite's own check, each row and its checksum, the digest, the history line by line with its chain,
   * and each document against the last event that changed it.
   * @throws LoggosError `snapshot-damaged`
   */
  verify(directory: string, files: readonly CheckpointFile[]): Promise<VerifiedCheckpoint> {
    return this.#examine(directory, async (checkpoint) => {
      await this.#checkFiles(directory, files);
      this.#checkDatabase(checkpoint);
      await this.#checkHistory(directory, checkpoint);
      await this.#compareDocuments(directory, checkpoint);
      const { state, digest } = checkpoint.committed;
      const { instance, fingerprint, position } = state;
      return { instance, fingerprint, digest: base64url(digest), position, chain: base64url(state.chain) };
    });
  }

  /** Begins a new history at the position of the files. Durable when it resolves; the database needs no WAL. */
  async fork(directory: string, historyId: string): Promise<{ readonly fingerprint: Fingerprint }> {
    const path = `${directory}/${databaseFile}`;
    const database = openAlone(path, 'write');
    try {
      const { committed, historyEnd } = this.#read(path, database);
      const state = forkState(committed.state, historyId, this.#hashes);
      const writer = new CommitWriter(database, path, this.#hashes);
      writer.atomically(() => writer.state({ ...committed, state }, historyEnd));
      return { fingerprint: state.fingerprint };
    } finally {
      database.close();
    }
  }

  /** See `CheckpointRewind`. Durable when the whole directory is synced. */
  rewind(directory: string, moment: CheckpointMoment): Promise<RewoundCheckpoint> {
    return this.#examine(
      directory,
      ({ path, database, committed, historyEnd }) => {
        const files = { disk: this.#disk, hashes: this.#hashes, directory };
        return new CheckpointRewind({ ...files, path, database, committed, historyEnd }).to(moment);
      },
      'write',
    );
  }

  /** Damage to files that were sealed once is damage to a snapshot. */
  async #examine<Value>(
    directory: string,
    action: (checkpoint: OpenCheckpoint) => Promise<Value>,
    mode: 'read' | 'write' = 'read',
  ): Promise<Value> {
    try {
      const path = `${directory}/${databaseFile}`;
      if ((await this.#disk.stat(path)) === undefined) throw notWhole(`${databaseFile} is missing`);
      const database = openAlone(path, mode);
      try {
        return await action(this.#read(path, database));
      } finally {
        database.close();
      }
    } catch (error) {
      if (!(error instanceof LoggosError) || error.code !== 'checkpoint-damaged') throw error;
      throw new LoggosError('snapshot-damaged', error.message, error.facts, error);
    }
  }

  #read(path: string, database: ReturnType<typeof openAlone>): OpenCheckpoint {
    const rows = new VerifiedRows(database, path, this.#hashes);
    checkFormat(rows.meta(metaKeys.format));
    const committed = rows.committed() ?? damaged('the checkpoint instance is missing');
    const historyEnd = parseHistoryEnd(rows.meta(metaKeys.historyEnd) ?? damaged('the end of history is missing'));
    if (historyEnd.position !== committed.state.position) damaged('history and rows end apart');
    return { path, database, rows, committed, historyEnd };
  }

  async #checkFiles(directory: string, files: readonly CheckpointFile[]): Promise<void> {
    for (const { name, bytes } of files) {
      const stat = await this.#disk.stat(`${directory}/${name}`);
      if (stat?.kind !== 'file') throw notWhole(`${name} is missing`);
      if (stat.bytes !== bytes) throw notWhole(`${name} has ${stat.bytes} bytes, not ${bytes}`);
    }
  }

  #checkDatabase({ path, database, committed }: OpenCheckpoint): void {
    const [verdict] = new Statement(database, path, 'pragma integrity_check').get() as unknown[];
    if (verdict !== 'ok') damaged(`SQLite finds its database malformed (${String(verdict)})`);
    const rows = new RowScrubber(database, path, this.#hashes);
    while (!rows.step(Number.POSITIVE_INFINITY, committed).done);
  }

  async #checkHistory(directory: string, { committed, historyEnd }: OpenCheckpoint): Promise<void> {
    const { chain } = await verifyHistory({ ...this.#historyOf(directory), end: historyEnd });
    if (!isSame(chain, committed.state.chain)) damaged('the history has another chain than the checkpoint states');
  }

  /** Every document is what the last event that names it says, and there are no others. */
  async #compareDocuments(directory: string, { rows, committed, historyEnd }: OpenCheckpoint): Promise<void> {
    const reader = new HistoryReader(this.#historyOf(directory));
    reader.advance(historyEnd);
    let scannedTo = 0;
    let explainedCount = 0;
    let erasedCount = 0;
    while (scannedTo < historyEnd.position) {
      const limits = { countMax: scanLinesMax, scanMax: scanLinesMax, bytesMax: scanBytesMax };
      const { lines } = await reader.lines({ after: scannedTo, ...limits });
      for (const { position, line } of lines) {
        const event = parseEventLine(line);
        if (event.erased === true) erasedCount += 1;
        else if (isLastEvent(rows, event)) explainedCount += 1;
        scannedTo = position;
      }
    }
    // An erased event does not say whose it is: its document's row may have no other.
    const unexplained = committed.documentCount - explainedCount;
    if (unexplained < 0 || unexplained > erasedCount) damaged('there are documents that no event made');
  }

  #historyOf(directory: string) {
    return {
      disk: this.#disk,
      directory: `${directory}/${historyDirectory}`,
      hashes: this.#hashes,
      cacheBytesMax: historyCacheBytesMax,
    };
  }
}

/** Whether this event made its document what its row says; then the two must agree. */
function isLastEvent(rows: VerifiedRows, event: EventLine): boolean {
  const { collection = '', documentId = '', position, revision, time } = event;
  const row = rows.document(collection, documentId)?.row ?? damaged(`position ${position} has no document`);
  if (row.position !== position) {
    if (row.position < position) damaged(`a document is older than its event at position ${position}`);
    return false;
  }
  if (row.revision !== revision || row.time !== Date.parse(time))
    damaged(`position ${position} and its document differ`);
  const isDeletion = event.operation === 'deleted' || event.operation === 'expired';
  if (row.deleted !== isDeletion) damaged(`position ${position} and its document differ about a deletion`);
  if (event.document !== undefined && !isDeepStrictEqual(JSON.parse(row.body), event.document)) {
    damaged(`position ${position} and its document hold other content`);
  }
  return true;
}

function notWhole(what: string): LoggosError {
  return new LoggosError('snapshot-damaged', `The checkpoint files are not whole: ${what}.`);
}
