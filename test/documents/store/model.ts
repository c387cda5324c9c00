import { addToDigest, zeroDigest } from '../../../src/documents/machine/digest.ts';
import { executeInstance, initialState } from '../../../src/documents/machine/execute.ts';
import { rowHash } from '../../../src/documents/machine/row.ts';
import type {
  DedupeEntry,
  DocumentRow,
  MachineState,
  ProposalOutcome,
  StateView,
} from '../../../src/documents/machine/types.ts';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { systemHashes } from '../../../src/system/hashes.ts';

export const historyId = 'first-history-of-tests';

/** The slow and plainly correct one: everything in maps, nothing ever dropped. */
export class Model implements StateView {
  state: MachineState = initialState(historyId);
  readonly rows = new Map<string, DocumentRow>();
  readonly lines: string[] = [];
  readonly fingerprints: Uint8Array[] = [];
  readonly outcomes: (readonly ProposalOutcome[])[] = [];
  readonly #dedupe = new Map<string, DedupeEntry>();

  row(collection: string, documentId: string): DocumentRow | undefined {
    return this.rows.get(JSON.stringify([collection, documentId]));
  }

  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#dedupe.get(JSON.stringify([actor, key, line]));
  }

  execute(value: MachineValue | undefined): void {
    const effects = executeInstance(this.state, this, this.state.instance + 1, value, systemHashes);
    for (const row of effects.rows) this.rows.set(JSON.stringify([row.collection, row.documentId]), row);
    for (const entry of effects.dedupe) {
      this.#dedupe.set(JSON.stringify([entry.actor, entry.key, entry.line]), entry);
    }
    for (const { line } of effects.events) this.lines.push(line);
    this.fingerprints.push(effects.state.fingerprint);
    this.outcomes.push(effects.outcomes);
    this.state = effects.state;
  }

  get digest(): Uint8Array {
    let digest = zeroDigest;
    for (const row of this.rows.values()) digest = addToDigest(digest, rowHash(row, systemHashes));
    return digest;
  }
}

/** A model after these values. */
export function modelOf(values: readonly (MachineValue | undefined)[]): Model {
  const model = new Model();
  for (const value of values) model.execute(value);
  return model;
}
