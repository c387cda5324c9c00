import { assert } from '../../base/assert.ts';
import type { Hashes } from '../../base/hashes.ts';
import { isPlanted } from '../../base/planted-bugs.ts';
import { dedupeKey } from '../machine/dedupe.ts';
import { addToDigest, subtractFromDigest } from '../machine/digest.ts';
import { DocumentMap } from '../machine/document-map.ts';
import { rowHash } from '../machine/row.ts';
import type { DedupeEntry, DocumentRow, InstanceEffects, MachineState, StateView } from '../machine/types.ts';
import type { CommittedRows } from './row-storage.ts';
import { type CommittedCheckpoint, digestInterval } from './schema.ts';

/** A document that the transaction has looked at. */
interface Looked {
  /** Its latest state; undefined: it never was. */
  row: DocumentRow | undefined;
  /** Of the row as committed before this transaction; undefined: there was none. */
  readonly committedHash: Uint8Array | undefined;
  changed: boolean;
}

/** A document that the transaction changed, and the hash of the row that it replaces. */
export interface ChangedRow {
  readonly row: DocumentRow;
  readonly replacedHash: Uint8Array | undefined;
}

/**
 * What was executed since the last commit, in memory: execution reads it first, then the committed rows. A document
 * changed a hundred times in it is written and hashed once.
 */
export class OpenTransaction implements StateView {
  readonly #committed: CommittedRows;
  readonly #first: MachineState;
  #state: MachineState;
  readonly #documents = new DocumentMap<Looked>();
  readonly #dedupe = new Map<string, DedupeEntry>();

  constructor(state: MachineState, committed: CommittedRows) {
    this.#first = state;
    this.#state = state;
    this.#committed = committed;
  }

  /** After the last instance executed. */
  get state(): MachineState {
    return this.#state;
  }

  get isEmpty(): boolean {
    return this.#state.instance === this.#first.instance;
  }

  row(collection: string, documentId: string): DocumentRow | undefined {
    return this.#look(collection, documentId).row;
  }

  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#dedupe.get(dedupeKey(actor, key, line)) ?? this.#committed.dedupe(actor, key, line);
  }

  /** Takes what an instance did. */
  take(effects: InstanceEffects): void {
    assert(effects.instance === this.#state.instance + 1, 'instances are executed in order, without gaps');
    assert(
      this.isEmpty || this.#state.instance % digestInterval !== 0,
      'a transaction ends at each multiple of the digest interval',
    );
    for (const row of effects.rows) {
      const looked = this.#look(row.collection, row.documentId);
      looked.row = row;
      looked.changed = true;
    }
    for (const entry of effects.dedupe) this.#dedupe.set(dedupeKey(entry.actor, entry.key, entry.line), entry);
    this.#state = effects.state;
  }

  /** In the order of their keys, so that neighbours in the table are written together. */
  changedRows(): ChangedRow[] {
    const rows: ChangedRow[] = [];
    for (const { row, committedHash, changed } of this.#documents.sorted()) {
      if (changed && row !== undefined) rows.push({ row, replacedHash: committedHash });
    }
    return rows;
  }

  dedupeEntries(): Iterable<DedupeEntry> {
    return isPlanted('dedupe-missing-in-checkpoint') ? [] : this.#dedupe.values();
  }

  #look(collection: string, documentId: string): Looked {
    const known = this.#documents.get(collection, documentId);
    if (known !== undefined) return known;
    const stored = this.#committed.document(collection, documentId);
    const looked: Looked = { row: stored?.row, committedHash: stored?.hash, changed: false };
    this.#documents.set(collection, documentId, looked);
    return looked;
  }
}

/**
 * Replaces the rows that a transaction changed. @param write - the row, its hash, and the hash of the row before it
 * @returns what the commit states: the digest moves by each row's hash
 */
export function changeRows(
  before: CommittedCheckpoint,
  transaction: OpenTransaction,
  hashes: Hashes,
  write: (row: DocumentRow, hash: Uint8Array, replacedHash: Uint8Array | undefined) => void,
): CommittedCheckpoint {
  let { digest, documentCount } = before;
  for (const { row, replacedHash } of transaction.changedRows()) {
    const hash = rowHash(row, hashes);
    if (replacedHash === undefined) documentCount += 1;
    else digest = subtractFromDigest(digest, replacedHash);
    if (isPlanted('map-order-in-digest')) digest = hashes.sha256(digest);
    digest = addToDigest(digest, hash);
    write(row, hash, replacedHash);
  }
  return { state: transaction.state, digest, documentCount };
}
