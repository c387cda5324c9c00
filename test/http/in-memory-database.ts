import { LoggosError } from '../../src/base/errors.ts';
import type { DocumentReader } from '../../src/documents/document-reader.ts';
import type { LiveDocuments, TailView } from '../../src/documents/live-documents.ts';
import { toBase64url } from '../../src/documents/machine/base64url.ts';
import { executeInstance, initialState } from '../../src/documents/machine/execute.ts';
import { forkState } from '../../src/documents/machine/fork.ts';
import { encodeProposal } from '../../src/documents/machine/proposal.ts';
import { Tail } from '../../src/documents/machine/tail.ts';
import type {
  DocumentProposal,
  DocumentRow,
  MachineState,
  ProposalOutcome,
  StateView,
} from '../../src/documents/machine/types.ts';
import type { CheckpointReader } from '../../src/documents/store/checkpoint-reader.ts';
import { TailAndCheckpointReader } from '../../src/documents/tail-and-checkpoint-reader.ts';
import type {
  CheckpointChange,
  CheckpointControl,
  CheckpointStatus,
  ClusterStatus,
  Database,
  Deadline,
  SnapshotInfo,
  Snapshots,
} from '../../src/http/database.ts';
import { systemClock } from '../../src/system/clock.ts';
import { systemHashes } from '../../src/system/hashes.ts';

/** How a test lets a write fail below REST. */
export type WriteFault = (proposal: DocumentProposal) => LoggosError | undefined;

/**
 * A database without disk or Paxos: the real machine executes every proposal, the real reader answers from a tail that
 * is never pruned. What waits in one turn of the event loop becomes one instance.
 */
export class InMemoryDatabase implements Database, LiveDocuments {
  readonly name = 'main';
  readonly read: DocumentReader;
  readonly checkpoint: CheckpointControl;
  readonly snapshots: InMemorySnapshots;
  /** No leader: nothing is written or read linearizably. */
  hasLeader = true;
  writeFault: WriteFault = () => undefined;
  readonly #tail = new Tail();
  readonly #rows = new Map<string, DocumentRow>();
  readonly #listeners = new Set<() => void>();
  readonly #waiting: { proposal: DocumentProposal; done: PromiseWithResolvers<ProposalOutcome> }[] = [];
  readonly #view: StateView = {
    row: (collection, documentId) => this.row(collection, documentId),
    dedupe: (actor, key, line) => this.#tail.dedupe(actor, key, line),
  };
  #state: MachineState = initialState('first-history-of-tests');

  constructor() {
    const checkpoint = rowsOnly(() => [...this.#rows.values()]);
    this.read = new TailAndCheckpointReader({ live: this, checkpoint, hashes: systemHashes });
    this.checkpoint = new InMemoryCheckpoint(() => this.#state);
    this.snapshots = new InMemorySnapshots(() => this.#state);
  }

  get state(): MachineState {
    return this.#state;
  }

  get tail(): TailView {
    return this.#tail;
  }

  get limits(): Database['limits'] {
    return this.#state.settings;
  }

  row(collection: string, documentId: string): DocumentRow | undefined {
    return this.#rows.get(`${collection}/${documentId}`);
  }

  onApplied(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  write(proposal: DocumentProposal): Promise<ProposalOutcome> {
    const fault = this.hasLeader ? this.writeFault(proposal) : noLeader();
    if (fault !== undefined) return Promise.reject(fault);
    const done = Promise.withResolvers<ProposalOutcome>();
    if (this.#waiting.push({ proposal, done }) === 1) setImmediate(() => this.#execute());
    return done.promise;
  }

  async linearizable(): Promise<void> {
    if (!this.hasLeader) throw noLeader();
  }

  async reached(position: number, deadline: Deadline): Promise<void> {
    while (this.#state.position < position) {
      if (systemClock.monotonic() >= deadline) throw new LoggosError('position-not-reached', 'not applied in time');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  checkpointReached(position: number, deadline: Deadline): Promise<void> {
    return this.reached(position, deadline);
  }

  readiness(): ReturnType<Database['readiness']> {
    return [
      { name: 'leader', ok: this.hasLeader, ...(this.hasLeader ? {} : { detail: 'nobody leads' }) },
      { name: 'checkpoint', ok: true },
    ];
  }

  cluster(): ClusterStatus {
    const { histories, instance } = this.#state;
    return {
      clusterId: 'cluster-of-tests',
      historyId: histories.at(-1)?.id ?? '',
      database: this.name,
      self: 'loggos',
      leader: this.hasLeader ? 'loggos' : null,
      ballot: '1.1',
      members: [
        {
          id: 1,
          name: 'loggos',
          role: 'voter',
          address: '',
          state: 'up',
          appliedInstance: instance,
          lag: 0,
          lastSeen: null,
        },
      ],
    };
  }

  /** As a restore does: positions carry on in a new history. */
  fork(historyId: string): void {
    this.#state = forkState(this.#state, historyId, systemHashes);
  }

  #execute(): void {
    const batch = this.#waiting.splice(0);
    const proposals = batch.map(({ proposal }) => encodeProposal(proposal));
    const value = { time: systemClock.now(), proposals };
    const effects = executeInstance(this.#state, this.#view, this.#state.instance + 1, value, systemHashes);
    this.#tail.push(effects);
    for (const row of effects.rows) this.#rows.set(`${row.collection}/${row.documentId}`, row);
    this.#state = effects.state;
    for (const listener of this.#listeners) listener();
    for (const [index, { done }] of batch.entries()) {
      const outcome = effects.outcomes[index];
      if (outcome === undefined) throw new Error('every proposal has an outcome');
      done.resolve(outcome);
    }
  }
}

function noLeader(): LoggosError {
  return new LoggosError('no-leader', 'nobody leads');
}

/** The part of a checkpoint that is read while the tail holds everything. */
function rowsOnly(all: () => readonly DocumentRow[]): CheckpointReader {
  const never = (): never => {
    throw new Error('the tail holds everything');
  };
  return {
    open: async () => {},
    lastPosition: async () => 0,
    rows: async (collection, afterId, countMax) =>
      all()
        .filter((row) => row.collection === collection)
        .filter((row) => afterId === undefined || compareBytes(row.documentId, afterId) > 0)
        .sort((left, right) => compareBytes(left.documentId, right.documentId))
        .slice(0, countMax),
    line: never,
    lines: never,
    walk: never,
    positionAtTime: async () => 0,
    chainAt: async (position) => (position === 0 ? new Uint8Array(32) : never()),
    refresh: async () => {},
    close: async () => {},
  };
}

function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

class InMemoryCheckpoint implements CheckpointControl {
  readonly #state: () => MachineState;
  #configuration: Required<Pick<CheckpointStatus, 'holdCount' | 'holdBytes' | 'holdSeconds'>> = {
    holdCount: 10_000,
    holdBytes: 1_000_000,
    holdSeconds: 3_600,
  };
  #replayer: 'running' | 'paused' = 'running';
  #cleaner: 'running' | 'paused' = 'running';

  constructor(state: () => MachineState) {
    this.#state = state;
  }

  async status(): Promise<CheckpointStatus> {
    const { instance } = this.#state();
    return {
      minChosenInstance: 1,
      checkpointInstance: instance,
      maxChosenInstance: instance,
      appliedInstance: instance,
      ...this.#configuration,
      log: { segments: 1, bytes: 4_096 },
      replayer: { state: this.#replayer, lag: 0 },
      cleaner: { state: this.#cleaner },
      transfers: [],
      digest: toBase64url(new Uint8Array(32)),
    };
  }

  async configure({ replayer, cleaner, ...numbers }: CheckpointChange): Promise<CheckpointStatus> {
    this.#configuration = { ...this.#configuration, ...numbers };
    this.#replayer = replayer?.state ?? this.#replayer;
    this.#cleaner = cleaner?.state ?? this.#cleaner;
    return await this.status();
  }

  async digest(instance: number | undefined) {
    const state = this.#state();
    if (instance !== undefined && instance !== state.instance) {
      throw new LoggosError('not-found', 'no digest is kept for this instance', { nearest: state.instance });
    }
    const { position, chain } = state;
    return { instance: state.instance, position, chain: toBase64url(chain), digest: toBase64url(new Uint8Array(32)) };
  }
}

/** Snapshots whose tar is bytes that tell their own offset. */
export class InMemorySnapshots implements Snapshots {
  readonly #state: () => MachineState;
  readonly #made = new Map<number, SnapshotInfo>();
  /** Readers that have not released. */
  locks = 0;
  bytes = 100_000;

  constructor(state: () => MachineState) {
    this.#state = state;
  }

  async create(): Promise<SnapshotInfo> {
    const { instance, position, time } = this.#state();
    const info: SnapshotInfo = this.#made.get(instance) ?? {
      instance,
      position,
      time: new Date(time).toISOString(),
      bytes: this.bytes,
      digest: toBase64url(new Uint8Array(32)),
      locks: 0,
    };
    this.#made.set(instance, info);
    return info;
  }

  async list(): Promise<readonly SnapshotInfo[]> {
    return [...this.#made.values()];
  }

  async remove(instance: number): Promise<void> {
    if (!this.#made.has(instance)) throw new LoggosError('not-found', 'there is no such snapshot');
    if (this.locks > 0) throw new LoggosError('in-use', 'the snapshot is being read');
    this.#made.delete(instance);
  }

  async open(instance: number) {
    const info = this.#made.get(instance);
    if (info === undefined) throw new LoggosError('not-found', 'there is no such snapshot');
    this.locks++;
    return {
      instance,
      bytes: info.bytes,
      etag: `seal-of-${instance}`,
      read: (first: number, last: number) => patternBytes(first, last),
      release: async () => {
        this.locks--;
      },
    };
  }
}

async function* patternBytes(first: number, last: number): AsyncGenerator<Uint8Array> {
  for (let start = first; start <= last; start += 65_536) {
    const end = Math.min(start + 65_535, last);
    yield Uint8Array.from({ length: end - start + 1 }, (_, index) => patternByte(start + index));
  }
}

/** The byte at an offset of every tar of these tests. */
export function patternByte(offset: number): number {
  return (offset * 31 + (offset >> 8)) & 0xff;
}
