import { dedupeKey } from '../../documents/machine/dedupe.ts';
import { addToDigest, zeroDigest } from '../../documents/machine/digest.ts';
import { executeInstance, initialState } from '../../documents/machine/execute.ts';
import { rowHash } from '../../documents/machine/row.ts';
import type { DedupeEntry, DocumentRow, MachineState, StateView } from '../../documents/machine/types.ts';
import { base64url } from '../../documents/store/schema.ts';
import { decodeChosenValue } from '../../paxos/chosen-value.ts';
import { systemHashes } from '../../system/hashes.ts';
import { checkHistory } from '../checker/check-history.ts';
import { checkEventStreams, type EventStream } from '../checker/event-streams.ts';
import type { HistoryRecorder } from '../checker/history.ts';
import { Violation } from '../checker/violation.ts';
import type { SimulatedReplica } from './simulated-replica.ts';
import type { Watcher } from './watcher.ts';

const searchStepsMax = 2_000_000;

/**
 * What must hold of the whole run, once nothing that was proposed is on its way any more.
 * @param replicas - those that have converged
 * @throws Violation
 */
export function checkEnd(
  watcher: Watcher,
  recorder: HistoryRecorder,
  streams: readonly EventStream[],
  replicas: readonly SimulatedReplica[],
  settledPosition: number,
): void {
  checkHistory(recorder.operations, watcher.history, searchStepsMax);
  checkEventStreams(streams, watcher.history, settledPosition);
  const replay = new ValueReplay();
  const wanted = new Map(replicas.map(({ digest, hands }) => [digest.instance, { digest: digest.digest, hands }]));
  for (let instance = 1; watcher.values.has(instance); instance++) {
    replay.execute(instance, watcher.values.get(instance));
    const found = wanted.get(instance);
    if (found === undefined || base64url(found.digest) === base64url(replay.digest)) continue;
    const detail = `at instance ${instance} ${found.hands.machine} has another digest than a replay of the chosen values`;
    throw new Violation('digest-diverges', detail);
  }
}

/** The slow and plainly correct machine: all chosen values, one after the other, into maps. */
class ValueReplay implements StateView {
  readonly #rows = new Map<string, DocumentRow>();
  readonly #dedupe = new Map<string, DedupeEntry>();
  #state: MachineState | undefined;

  row(collection: string, documentId: string): DocumentRow | undefined {
    return this.#rows.get(JSON.stringify([collection, documentId]));
  }

  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#dedupe.get(dedupeKey(actor, key, line));
  }

  execute(instance: number, bytes: Uint8Array | undefined): void {
    const value = bytes === undefined ? undefined : decodeChosenValue(bytes);
    if (value?.kind === 'membership') this.#state ??= initialState(value.membership.historyId);
    this.#state ??= initialState('');
    const batch = value?.kind === 'batch' ? value : undefined;
    const effects = executeInstance(this.#state, this, instance, batch, systemHashes);
    for (const row of effects.rows) this.#rows.set(JSON.stringify([row.collection, row.documentId]), row);
    for (const entry of effects.dedupe) this.#dedupe.set(dedupeKey(entry.actor, entry.key, entry.line), entry);
    this.#state = effects.state;
  }

  get digest(): Uint8Array {
    let digest = zeroDigest;
    for (const row of this.#rows.values()) digest = addToDigest(digest, rowHash(row, systemHashes));
    return digest;
  }
}
