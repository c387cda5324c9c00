import { assert } from '../../base/assert.ts';
import type { Disk } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import {
  emptyHistory,
  type HistoryEnd,
  parseHistoryEnd,
  printHistoryEnd,
} from '../../documents/history/history-end.ts';
import { dedupeKey, isRemembered } from '../../documents/machine/dedupe.ts';
import { addToDigest, zeroDigest } from '../../documents/machine/digest.ts';
import { rowHash } from '../../documents/machine/row.ts';
import type { DedupeEntry, DocumentRow } from '../../documents/machine/types.ts';
import type { CommittedView } from '../../documents/store/live-rows.ts';
import { changeRows, type OpenTransaction } from '../../documents/store/open-transaction.ts';
import {
  type CommittedRows,
  nearer,
  type RowPages,
  type RowScrub,
  type RowStorage,
  type StoredHead,
} from '../../documents/store/row-storage.ts';
import {
  base64url,
  type CommittedCheckpoint,
  damaged,
  digestInterval,
  parseCommitted,
  printCommitted,
  type RecordedDigest,
  type StoredDocument,
} from '../../documents/store/schema.ts';
import { compareUtf8 } from '../../documents/store/utf8-order.ts';
import { isSame } from '../../documents/store/verified-rows.ts';
import { CommitFile, recordBytes } from './commit-file.ts';

/** What one commit says, as JSON: what changed, or all. Hashes are base64url. */
interface Commit {
  readonly committed: string;
  readonly historyEnd: string;
  readonly rows: readonly (readonly [row: DocumentRow, hash: string])[];
  readonly dedupe: readonly (Omit<DedupeEntry, 'requestHash'> & { readonly requestHash: string })[];
  readonly digests: readonly {
    readonly instance: number;
    readonly position: number;
    readonly chain: string;
    readonly digest: string;
  }[];
}

/**
 * The rows of a checkpoint in maps, whose commits lie on the simulated disk: what SQLite is to a real replica, and
 * cheaper.
 */
export class ModelRows implements RowStorage {
  readonly #file: CommitFile;
  readonly #disk: Disk;
  readonly #hashes: Hashes;
  readonly #documents = new Map<string, Map<string, StoredDocument>>();
  readonly #dedupe = new Map<string, DedupeEntry>();
  readonly #digests = new Map<number, RecordedDigest>();
  readonly rows: CommittedRows = {
    document: (collection, documentId) => this.#document(collection, documentId),
    dedupe: (actor, key, line) => this.#remembered(actor, key, line),
  };
  /** What the live machine reads: it sees what the store has committed. */
  readonly live: CommittedView = {
    open() {},
    row: (collection, documentId) => this.#document(collection, documentId)?.row,
    dedupe: (actor, key, line) => this.#remembered(actor, key, line),
    close() {},
  };
  readonly pages: RowPages = {
    open() {},
    page: (collection, afterId, countMax) => this.#page(collection, afterId, countMax),
    historyEnd: () => this.#printedEnd,
    close() {},
  };
  /** All of it in one step: it is small. */
  readonly scrubber: RowScrub = { restart() {}, step: (_, committed) => this.#scrub(committed) };
  #printedEnd = printHistoryEnd(emptyHistory);
  #committed: CommittedCheckpoint | undefined;
  #frozen: Uint8Array | undefined;

  constructor(options: { readonly directory: string; readonly disk: Disk; readonly hashes: Hashes }) {
    this.#file = new CommitFile({ ...options, name: 'rows' });
    this.#disk = options.disk;
    this.#hashes = options.hashes;
  }

  async open(first: CommittedCheckpoint): Promise<StoredHead> {
    const records = await this.#file.open();
    for (const record of records) this.#take(parseCommit(record));
    if (records.length === 0) {
      this.#committed = first;
      await this.#file.replace(this.#printAll());
    }
    if (this.#committed === undefined) return damaged('its rows say nothing');
    return { committed: this.#committed, historyEnd: parseHistoryEnd(this.#printedEnd) };
  }

  get bytes(): number {
    return this.#frozen === undefined ? this.#file.bytes : recordBytes(this.#frozen);
  }

  inOneRead<Value>(action: () => Value): Value {
    return action();
  }

  async commit(
    before: CommittedCheckpoint,
    transaction: OpenTransaction,
    historyEnd: HistoryEnd,
  ): Promise<CommittedCheckpoint> {
    const rows: [DocumentRow, string][] = [];
    const after = changeRows(before, transaction, this.#hashes, (row, hash) => rows.push([row, base64url(hash)]));
    const digests = after.state.instance % digestInterval === 0 ? [printDigest(digestAfter(after))] : [];
    const dedupe = [...transaction.dedupeEntries()].map(printEntry);
    await this.#keep({
      committed: printCommitted(after),
      historyEnd: printHistoryEnd(historyEnd),
      rows,
      dedupe,
      digests,
    });
    return after;
  }

  async recordDigest(committed: CommittedCheckpoint): Promise<void> {
    const digests = [printDigest(digestAfter(committed))];
    await this.#keep({
      committed: printCommitted(committed),
      historyEnd: this.#printedEnd,
      rows: [],
      dedupe: [],
      digests,
    });
  }

  digestAt(instance: number): RecordedDigest | undefined {
    return this.#digests.get(instance);
  }

  nearestDigest(instance: number): number | undefined {
    const recorded = [...this.#digests.keys()].sort((left, right) => left - right);
    const below = recorded.findLast((other) => other <= instance);
    return nearer(
      instance,
      below,
      recorded.find((other) => other >= instance),
    );
  }

  async freeze(): Promise<void> {
    this.#frozen = this.#printAll();
  }

  async copyTo(path: string): Promise<void> {
    const end = path.lastIndexOf('/');
    const copy = new CommitFile({
      directory: path.slice(0, end),
      name: path.slice(end + 1),
      disk: this.#disk,
      hashes: this.#hashes,
    });
    assert(this.#frozen !== undefined, 'rows are copied while they are frozen');
    await copy.replace(this.#frozen);
    await copy.close();
  }

  thaw(): void {
    this.#frozen = undefined;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #document(collection: string, documentId: string): StoredDocument | undefined {
    return this.#documents.get(collection)?.get(documentId);
  }

  #remembered(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#dedupe.get(dedupeKey(actor, key, line));
  }

  #page(collection: string, afterId: string | undefined, countMax: number): readonly DocumentRow[] {
    const ids = [...(this.#documents.get(collection)?.keys() ?? [])].sort(compareUtf8);
    const from = afterId === undefined ? ids : ids.filter((id) => compareUtf8(id, afterId) > 0);
    return from.slice(0, countMax).flatMap((id) => this.#document(collection, id)?.row ?? []);
  }

  #scrub(committed: CommittedCheckpoint): { readonly bytes: number; readonly done: boolean } {
    let digest = zeroDigest;
    let count = 0;
    for (const documents of this.#documents.values()) {
      for (const { row, hash } of documents.values()) {
        if (!isSame(rowHash(row, this.#hashes), hash)) damaged('a document row does not match its hash');
        digest = addToDigest(digest, hash);
        count += 1;
      }
    }
    if (!isSame(digest, committed.digest) || count !== committed.documentCount) damaged('rows do not add up');
    return { bytes: count, done: true };
  }

  /** In memory only once it is durable: a commit that failed has changed nothing. */
  async #keep(commit: Commit): Promise<void> {
    if (this.#file.isLong) await this.#file.replace(this.#printAll());
    await this.#file.append(printCommit(commit));
    this.#take(commit);
  }

  #take(commit: Commit): void {
    for (const [row, hash] of commit.rows) {
      let documents = this.#documents.get(row.collection);
      if (documents === undefined) {
        documents = new Map();
        this.#documents.set(row.collection, documents);
      }
      documents.set(row.documentId, { row, hash: bytesOf(hash) });
    }
    for (const entry of commit.dedupe) {
      const { actor, key, line, requestHash } = entry;
      this.#dedupe.set(dedupeKey(actor, key, line), { ...entry, requestHash: bytesOf(requestHash) });
    }
    for (const { instance, position, chain, digest } of commit.digests) {
      this.#digests.set(instance, { instance, position, chain: bytesOf(chain), digest: bytesOf(digest) });
    }
    this.#committed = parseCommitted(commit.committed);
    this.#printedEnd = commit.historyEnd;
    const { time, dedupeOrdinal, settings } = this.#committed.state;
    for (const [key, entry] of this.#dedupe) {
      if (!isRemembered(entry, time, dedupeOrdinal, settings)) this.#dedupe.delete(key);
    }
  }

  #printAll(): Uint8Array {
    assert(this.#committed !== undefined, 'rows that are printed were opened');
    const rows = [...this.#documents.values()].flatMap((documents) =>
      [...documents.values()].map(({ row, hash }) => [row, base64url(hash)] as const),
    );
    return printCommit({
      committed: printCommitted(this.#committed),
      historyEnd: this.#printedEnd,
      rows,
      dedupe: [...this.#dedupe.values()].map(printEntry),
      digests: [...this.#digests.values()].map(printDigest),
    });
  }
}

function digestAfter({ state, digest }: CommittedCheckpoint): RecordedDigest {
  return { instance: state.instance, position: state.position, chain: state.chain, digest };
}

function printDigest({ instance, position, chain, digest }: RecordedDigest): Commit['digests'][number] {
  return { instance, position, chain: base64url(chain), digest: base64url(digest) };
}

function printEntry(entry: DedupeEntry): Commit['dedupe'][number] {
  return { ...entry, requestHash: base64url(entry.requestHash) };
}

function printCommit(commit: Commit): Uint8Array {
  return Buffer.from(JSON.stringify(commit));
}

/** The record's checksum was compared: these are the fields that `printCommit` printed. */
function parseCommit(record: Uint8Array): Commit {
  return JSON.parse(Buffer.from(record.buffer, record.byteOffset, record.length).toString()) as Commit;
}

function bytesOf(printed: string): Uint8Array {
  return new Uint8Array(Buffer.from(printed, 'base64url'));
}
