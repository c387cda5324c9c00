import type { DatabaseSync } from 'node:sqlite';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Hashes } from '../base/hashes.ts';
import type { CheckpointMoment, RewoundCheckpoint } from '../statemachine/state-machine.ts';
import { cutHistory } from './document-checkpoint-cut.ts';
import { DocumentWalk, factsIn } from './document-walk.ts';
import type { HistoryEnd } from './history/history-end.ts';
import { HistoryReader } from './history/history-reader.ts';
import { addToDigest, subtractFromDigest } from './machine/digest.ts';
import { parseEventLine } from './machine/event-line.ts';
import { zeroFingerprint } from './machine/fingerprint.ts';
import { rowHash } from './machine/row.ts';
import type { DedupeEntry, DocumentRow } from './machine/types.ts';
import { CommitWriter } from './store/commit-writer.ts';
import {
  base64url,
  type CommittedCheckpoint,
  damaged,
  dedupeOf,
  digestOf,
  documentOf,
  documentParameters,
  historyDirectory,
  type StoredDocument,
  sql,
} from './store/schema.ts';
import { Statement, translated } from './store/sqlite.ts';
import { isSame, verified } from './store/verified-rows.ts';

const rowsAtOnce = 256;
const historyCacheBytesMax = 32 * 1024 * 1024;

const rewindSql = {
  dropDocument: 'delete from documents where collection = ? and id = ?',
  dropDedupe: 'delete from dedupe where ordinal = ?',
  dropDigests: 'delete from digests where instance > ?',
  dropDigestAt: 'delete from digests where instance = ?',
};

/** The event that becomes the last. */
interface Target {
  readonly position: number;
  readonly instance: number;
  readonly time: number;
  /** Whether later events of its instance are cut away. */
  readonly isInsideInstance: boolean;
}

export interface RewindOptions {
  readonly disk: Disk;
  readonly hashes: Hashes;
  readonly directory: string;
  readonly path: string;
  /** Opened for writing, by nobody else. */
  readonly database: DatabaseSync;
  readonly committed: CommittedCheckpoint;
  readonly historyEnd: HistoryEnd;
}

/**
 * Takes checkpoint files back to an earlier position: rows as their documents' last events up to it left them, history
 * cut behind it, remembered outcomes up to it, and the digest of that. Settings stay as they are: their changes have no
 * position. Outcomes that had expired by the end are not remembered again. The fingerprint is of no instance: a fork,
 * which begins another, has to follow.
 *
 * The position may lie inside an instance: what follows is another history, so that nothing of the instance is repeated.
 */
export class CheckpointRewind {
  readonly #options: RewindOptions;
  readonly #reader: HistoryReader;
  readonly #walk: DocumentWalk;

  constructor(options: RewindOptions) {
    this.#options = options;
    const { disk, hashes, directory, historyEnd } = options;
    this.#reader = new HistoryReader({
      disk,
      directory: `${directory}/${historyDirectory}`,
      hashes,
      cacheBytesMax: historyCacheBytesMax,
    });
    this.#reader.advance(historyEnd);
    this.#walk = new DocumentWalk({ tail: { line: () => undefined } }, this.#reader);
  }

  /** @throws LoggosError `invalid-parameter`: later than the files; `history-trimmed`: a content it needs was erased */
  async to(moment: CheckpointMoment): Promise<RewoundCheckpoint> {
    const { committed, database, path, directory, disk, hashes, historyEnd } = this.#options;
    const target = await this.#target(moment);
    if (target === undefined) return reportOf(committed);
    const { position, instance, time } = target;
    // What came later is not left behind in pages that become free.
    translated(path, () => database.exec('pragma secure_delete = on'));
    const chain = (await this.#reader.chainAt(position)) ?? damaged(`position ${position} has no chain`);
    const { digest, documentCount } = await this.#rewindRows(position);
    const dedupeOrdinal = this.#dropDedupe(target);
    const histories = committed.state.histories.filter(({ fork }, index) => index === 0 || fork <= position);
    const state = { ...committed.state, instance, time, position, chain, dedupeOrdinal, histories };
    const rewound = { state: { ...state, fingerprint: zeroFingerprint }, digest, documentCount };
    this.#dropDigests(target, digest);
    const reader = this.#reader;
    const end = await cutHistory({
      disk,
      directory: `${directory}/${historyDirectory}`,
      reader,
      end: historyEnd,
      position,
    });
    const writer = new CommitWriter(database, path, hashes);
    writer.atomically(() => writer.state(rewound, end));
    return reportOf(rewound);
  }

  /** Undefined: the files end there already. */
  async #target(moment: CheckpointMoment): Promise<Target | undefined> {
    const { state } = this.#options.committed;
    const asked = 'position' in moment ? moment.position : await this.#positionAt(moment.time);
    if (asked > state.position) throw beyond(`position ${state.position}`);
    const last = asked === 0 ? 0 : (factsIn(await this.#line(asked)).transaction?.last ?? asked);
    if (last === state.position) return undefined;
    const next = parseEventLine(await this.#line(last + 1));
    if (last === 0) return { position: 0, instance: next.instance - 1, time: 0, isInsideInstance: false };
    const line = await this.#line(last);
    const { instance } = parseEventLine(line);
    return { position: last, instance, time: factsIn(line).time, isInsideInstance: next.instance === instance };
  }

  async #positionAt(time: number): Promise<number> {
    const { state } = this.#options.committed;
    if (time > state.time) throw beyond(new Date(state.time).toISOString());
    return this.#reader.positionAtTime(time);
  }

  async #line(position: number): Promise<string> {
    return (await this.#reader.line(position)) ?? damaged(`no history file holds position ${position}`);
  }

  async #rewindRows(position: number): Promise<Pick<CommittedCheckpoint, 'digest' | 'documentCount'>> {
    const { database, path, hashes, committed } = this.#options;
    const write = new Statement(database, path, sql.writeDocument);
    const drop = new Statement(database, path, rewindSql.dropDocument);
    const writer = new CommitWriter(database, path, hashes);
    let { digest, documentCount } = committed;
    for (const later of this.#rowsAfter(position)) {
      const earlier: (DocumentRow | undefined)[] = [];
      for (const { row } of later) earlier.push(await this.#rowAt(row, position));
      writer.atomically(() => {
        for (const [index, { row: after, hash }] of later.entries()) {
          digest = subtractFromDigest(digest, hash);
          const row = earlier[index];
          if (row === undefined) {
            documentCount -= 1;
            drop.run([after.collection, after.documentId]);
            continue;
          }
          const earlierHash = rowHash(row, hashes);
          digest = addToDigest(digest, earlierHash);
          write.run(documentParameters(row, earlierHash));
        }
      });
    }
    return { digest, documentCount };
  }

  /** Rows that later events wrote, some at once; a caller may change the ones that it was given. */
  *#rowsAfter(position: number): Iterable<readonly StoredDocument[]> {
    const { database, path, hashes } = this.#options;
    const first = new Statement(database, path, sql.allDocuments);
    const next = new Statement(database, path, sql.documentsAfter);
    let after: DocumentRow | undefined;
    for (;;) {
      const later: StoredDocument[] = [];
      const rows = after === undefined ? first.each() : next.each(after.collection, after.documentId);
      for (const columns of rows) {
        const stored = verified(documentOf(columns), hashes);
        after = stored.row;
        if (stored.row.position > position) later.push(stored);
        if (later.length >= rowsAtOnce) break;
      }
      if (later.length > 0) yield later;
      if (later.length < rowsAtOnce) return;
    }
  }

  /** Undefined: the document was not yet. */
  async #rowAt(after: DocumentRow, positionMax: number): Promise<DocumentRow | undefined> {
    const version = await this.#walk.versionOf(after, { positionMax });
    if (version === undefined) return undefined;
    const { back } = factsIn(await this.#line(version.position));
    return { ...version, back };
  }

  /** @returns the ordinal of the newest that stays */
  #dropDedupe(target: Target): number {
    const { database, path, hashes, committed } = this.#options;
    const drop = new Statement(database, path, rewindSql.dropDedupe);
    const dropped: number[] = [];
    let newest = 0;
    for (const columns of new Statement(database, path, sql.dedupeAfter).each(0)) {
      const entry = dedupeOf(columns, hashes);
      if (isAfter(entry, target)) dropped.push(entry.ordinal);
      else newest = entry.ordinal;
    }
    new CommitWriter(database, path, hashes).atomically(() => {
      for (const ordinal of dropped) drop.run([ordinal]);
    });
    if (newest > 0) return newest;
    // Where none stays: what had expired was before the first that is dropped now.
    const [first] = dropped;
    return first === undefined ? committed.state.dedupeOrdinal : first - 1;
  }

  /** What was recorded at the very instance is what was rebuilt. */
  #dropDigests({ instance, isInsideInstance }: Target, digest: Uint8Array): void {
    const { database, path, hashes } = this.#options;
    new Statement(database, path, rewindSql.dropDigests).run([instance]);
    if (isInsideInstance) {
      new Statement(database, path, rewindSql.dropDigestAt).run([instance]);
      return;
    }
    const columns = new Statement(database, path, sql.readDigest).get(instance);
    if (columns === undefined || isSame(digestOf(columns, hashes).digest, digest)) return;
    damaged(`the documents of instance ${instance} do not add up to the digest recorded then`);
  }
}

/** Of the target's own instance, what hangs on events that are cut away; what made none changed nothing. */
function isAfter(entry: DedupeEntry, { instance, position }: Target): boolean {
  return entry.instance > instance || (entry.instance === instance && entry.position > position);
}

function reportOf({ state, digest }: CommittedCheckpoint): RewoundCheckpoint {
  const { instance, position, time, chain } = state;
  return { instance, position, time, chain: base64url(chain), digest: base64url(digest) };
}

function beyond(end: string): LoggosError {
  return new LoggosError('invalid-parameter', `The backup ends at ${end}: take a later one, or leave the moment out`);
}
