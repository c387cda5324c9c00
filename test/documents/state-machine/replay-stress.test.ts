import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { DocumentStateMachine } from '../../../src/documents/document-state-machine.ts';
import { printPayload } from '../../../src/documents/machine/event-line.ts';
import { forkState } from '../../../src/documents/machine/fork.ts';
import { encodeProposal } from '../../../src/documents/machine/proposal.ts';
import { tagOf } from '../../../src/documents/machine/row.ts';
import type { OperationKind, Precondition, ProposedOperation } from '../../../src/documents/machine/types.ts';
import { LiveRows } from '../../../src/documents/store/live-rows.ts';
import { WorkerCheckpointStore } from '../../../src/documents/store/worker-store.ts';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';
import { historyId, Model } from '../store/model.ts';
import { hex } from '../store/store-contract.ts';
import { copyOf, temporaryDirectory } from '../store/temporary.ts';
import { copyCheckpoint } from './snapshot.ts';

const instanceCount = Number(process.env.LOGGOS_STRESS_INSTANCES ?? 2_000);
const seed = Number(process.env.LOGGOS_STRESS_SEED ?? 11);
const workerEntry = new URL('../../../src/server/workers/store-worker.ts', import.meta.url);

/** Numbers from 0 (inclusive) to `below`, the same for the same seed (mulberry32). */
function drawsOf(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

/** One replica whose store is a worker thread, as in the server, beside a model that keeps everything in maps. */
class Replica {
  readonly #draw: (below: number) => number;
  readonly #model = new Model();
  /** Of the instances that the checkpoint may still be asked for. */
  readonly #log = new Map<number, MachineValue | undefined>();
  #directory = temporaryDirectory();
  #machine: DocumentStateMachine;
  #time = 1_700_000_000_000;
  #proposalCount = 0;
  #forkCount = 0;
  readonly counts = { restarts: 0, kills: 0, forks: 0, replayed: 0 };

  private constructor(draw: (below: number) => number, directory: string, machine: DocumentStateMachine) {
    this.#draw = draw;
    this.#directory = directory;
    this.#machine = machine;
  }

  static async open(draw: (below: number) => number): Promise<Replica> {
    const directory = temporaryDirectory();
    return new Replica(draw, directory, await machineOn(directory));
  }

  get instance(): number {
    return this.#model.state.instance;
  }

  async step(): Promise<void> {
    const action = this.#draw(100);
    // A paused Replayer: the tail grows beyond what the cache holds.
    if (action < 4) this.#apply(400);
    else if (action < 48) this.#apply(1 + this.#draw(12));
    else if (action < 76) await this.#replay(1 + this.#draw(40), this.#draw(4) > 0);
    else if (action < 81) this.#read();
    else if (action < 85) await this.#begin(1 + this.#draw(10));
    else if (action < 88) this.#machine.checkpointCommitted(this.#machine.checkpointInstance());
    else if (action < 91) await this.#restart();
    else if (action < 94) await this.#restartKilled();
    else if (action < 96) await this.#fork();
    else this.#time += this.#draw(2) === 0 ? 1_000 : 50_000_000;
  }

  async finish(): Promise<void> {
    while (this.#machine.checkpointInstance() < this.instance) await this.#replay(1_000, true);
    const { digest, state } = this.#machine.checkpointHead;
    assert.equal(hex(digest), hex(this.#model.digest));
    assert.equal(hex(state.chain), hex(this.#model.state.chain));
    for (const row of this.#model.rows.values()) {
      assert.deepEqual(this.#machine.row(row.collection, row.documentId), row);
    }
  }

  close(): Promise<void> {
    return this.#machine.close();
  }

  #apply(count: number): void {
    for (let turn = 0; turn < count; turn++) {
      const value = this.#draw(12) === 0 ? undefined : this.#value();
      this.#model.execute(value);
      this.#log.set(this.instance, value);
      this.#applyToMachine(this.instance);
    }
  }

  #applyToMachine(instance: number): void {
    const { fingerprint, outcomes } = this.#machine.execute(instance, this.#log.get(instance));
    assert.deepEqual(outcomes, this.#model.outcomes[instance - 1], `outcomes differ at ${instance}, seed ${seed}`);
    this.#assertFingerprint(instance, fingerprint, 'live');
  }

  async #replay(count: number, prune: boolean): Promise<void> {
    await this.#begin(count);
    await this.#machine.commitCheckpoint();
    if (prune) this.#machine.checkpointCommitted(this.#machine.checkpointInstance());
    for (const instance of this.#log.keys()) {
      if (instance > this.#machine.checkpointInstance()) break;
      this.#log.delete(instance);
      this.#model.outcomes[instance - 1] = [];
    }
    this.#model.lines.length = 0;
  }

  /** Executes for the checkpoint and commits nothing. */
  async #begin(count: number): Promise<void> {
    const first = this.#machine.checkpointInstance() + 1;
    const boundary = Math.ceil(first / 1_000) * 1_000;
    const last = Math.min(this.instance, first + count - 1, boundary);
    const executions: Promise<Uint8Array>[] = [];
    for (let instance = first; instance <= last; instance++) {
      executions.push(this.#machine.executeForCheckpoint(instance, this.#log.get(instance)));
      // The live state goes on while the worker executes.
      if (this.#draw(20) === 0) this.#apply(1);
    }
    for (const [index, fingerprint] of (await Promise.all(executions)).entries()) {
      this.#assertFingerprint(first + index, fingerprint, 'checkpoint');
      this.counts.replayed += 1;
    }
  }

  /** As requests read, which fills the cache of rows. */
  #read(): void {
    for (let turn = 0; turn < 30; turn++) {
      const documentId = this.#documentId();
      assert.deepEqual(this.#machine.row('things', documentId), this.#model.row('things', documentId));
    }
  }

  async #restart(): Promise<void> {
    this.counts.restarts += 1;
    await this.#machine.close();
    await this.#boot();
  }

  /** The files as they lie while a transaction is open, on another machine. */
  async #restartKilled(): Promise<void> {
    this.counts.kills += 1;
    await this.#begin(5);
    const left = copyOf(this.#directory);
    await this.#machine.close();
    rmSync(this.#directory, { recursive: true });
    this.#directory = left;
    await this.#boot();
  }

  async #boot(): Promise<void> {
    this.#machine = await machineOn(this.#directory);
    for (let instance = this.#machine.checkpointInstance() + 1; instance <= this.instance; instance++) {
      this.#applyToMachine(instance);
    }
  }

  /** A backup of the newest state, restored: another history begins, and this replica goes on as that one. */
  async #fork(): Promise<void> {
    this.counts.forks += 1;
    while (this.#machine.checkpointInstance() < this.instance) await this.#replay(1_000, true);
    const copy = temporaryDirectory();
    await copyCheckpoint(this.#machine, copy);
    const id = `history-${++this.#forkCount}-of-the-stress`.slice(0, 21);
    await this.#machine.forkCheckpointState(copy, id);
    await this.#machine.close();
    rmSync(this.#directory, { recursive: true });
    this.#directory = copy;
    this.#model.state = forkState(this.#model.state, id, systemHashes);
    await this.#boot();
    assert.equal(hex(this.#machine.state.fingerprint), hex(this.#model.state.fingerprint));
  }

  #assertFingerprint(instance: number, fingerprint: Uint8Array, side: string): void {
    const expected = this.#model.fingerprints[instance - 1] ?? new Uint8Array();
    // Empty: it was covered before.
    if (fingerprint.byteLength === 0) return;
    assert.equal(hex(fingerprint), hex(expected), `the ${side} fingerprint differs at ${instance}, seed ${seed}`);
  }

  #documentId(): string {
    // Few are hot, so that one instance often writes what the one before wrote.
    return `document-${this.#draw(3) === 0 ? this.#draw(8) : this.#draw(300)}`;
  }

  #value(): MachineValue {
    this.#time += this.#draw(3);
    const proposals = Array.from({ length: 1 + this.#draw(6) }, () => this.#proposal());
    return { time: this.#time, proposals };
  }

  #proposal(): Uint8Array {
    const kind = this.#draw(200);
    if (kind === 0) return new Uint8Array(Array.from({ length: this.#draw(60) }, () => this.#draw(256))).fill(1, 0, 1);
    if (kind === 1) return encodeProposal({ kind: 'settings', settings: { keysMax: 9_000 + this.#draw(1_000) } });
    if (kind === 2) return encodeProposal({ kind: 'settings', settings: { dedupeEntriesMax: 20 + this.#draw(1_000) } });
    const id = String(++this.#proposalCount).padStart(21, '-');
    const transaction = this.#draw(5) === 0;
    const operations = Array.from({ length: transaction ? 1 + this.#draw(4) : 1 }, (_, index) =>
      this.#operation(transaction ? `${id}.${index}` : id, transaction),
    );
    const keyed = this.#draw(4) === 0;
    const requestHash = new Uint8Array(32).fill(this.#draw(8) === 0 ? 1 : 7);
    const idempotency = { key: `key-${this.#draw(60)}`, line: 0, requestHash };
    const common = { kind: 'write', id, actor: 'tester', transaction, operations } as const;
    return encodeProposal(keyed ? { ...common, idempotency } : common);
  }

  #operation(id: string, transaction: boolean): ProposedOperation {
    const kinds: readonly OperationKind[] = [
      'put',
      'put',
      'put',
      'create',
      'merge',
      'merge',
      'patch',
      'delete',
      'restore',
    ];
    const kind = transaction && this.#draw(6) === 0 ? 'check' : (kinds[this.#draw(kinds.length)] ?? 'put');
    const collection = 'things';
    const documentId = this.#documentId();
    const precondition = this.#precondition(collection, documentId);
    const common = { kind, collection, documentId, precondition };
    if (kind === 'check') return { ...common, payload: '', contentStart: 0, salt: new Uint8Array(0) };
    // So large that together the documents are more than the cache of recent rows may hold.
    const length = this.#draw(6) === 0 ? this.#draw(400_000) : this.#draw(90);
    const text = 'é'.repeat(this.#draw(25)) + 'x'.repeat(length);
    const content =
      kind === 'patch'
        ? [{ op: this.#draw(2) === 0 ? 'add' : 'replace', path: '/text', value: text }]
        : { number: this.#draw(1_000), text, [`key-${this.#draw(20)}`]: this.#draw(3) === 0 ? null : 1 };
    const printed = printPayload({
      id,
      actor: 'tester',
      collection,
      documentId,
      type: null,
      metadata: {},
      ...(kind === 'delete'
        ? {}
        : {
            content: {
              field: kind === 'merge' || kind === 'patch' ? ('patch' as const) : ('document' as const),
              json: JSON.stringify(content),
            },
          }),
    });
    return { ...common, ...printed, salt: new Uint8Array(16).fill(this.#draw(256)) };
  }

  #precondition(collection: string, documentId: string): Precondition {
    const choice = this.#draw(8);
    if (choice === 0) return { kind: 'absent' };
    if (choice === 1) return { kind: 'present' };
    if (choice > 3) return { kind: 'none' };
    const row = this.#model.row(collection, documentId);
    const revision = (row?.revision ?? 0) + (this.#draw(4) === 0 ? 1 : 0);
    const tag = tagOf(row?.position ?? 0, revision, this.#model.state.histories);
    return { kind: choice === 2 ? 'tags' : 'not-tags', tags: [tag, 'no-such-tag'] };
  }
}

function machineOn(directory: string): Promise<DocumentStateMachine> {
  return DocumentStateMachine.open({
    store: new WorkerCheckpointStore(workerEntry, { directory, historyId }),
    liveRows: new LiveRows({ directory, hashes: systemHashes }),
    directory,
    disk: new SyncDisk(),
    hashes: systemHashes,
  });
}

test('live state and checkpoint agree through pauses, restarts, kills and restores, whatever is written', async (context) => {
  const replica = await Replica.open(drawsOf(seed));
  // A worker that is left open would keep the process alive after a failure.
  context.after(() => replica.close());
  while (replica.instance < instanceCount) await replica.step();
  await replica.finish();
  const { restarts, kills, forks, replayed } = replica.counts;
  context.diagnostic(
    `${replica.instance} instances, ${replayed} replayed, ${restarts} restarts, ${kills} kills, ${forks} forks, seed ${seed}`,
  );
});
