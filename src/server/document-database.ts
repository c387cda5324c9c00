import type { Clock } from '../base/clock.ts';
import { LoggosError } from '../base/errors.ts';
import type { CheckpointManager } from '../checkpoint/checkpoint-manager.ts';
import type { DocumentReader } from '../documents/document-reader.ts';
import { type DocumentStateMachine, documentMachineId } from '../documents/document-state-machine.ts';
import { encodeWrite } from '../documents/machine/proposal.ts';
import type { DocumentProposal, ProposalOutcome } from '../documents/machine/types.ts';
import type { CheckpointControl, ClusterStatus, Database, Deadline, Snapshots } from '../http/database.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { Replica } from '../replica/replica.ts';
import { PositionGate } from './position-gate.ts';

/** What a database is put together from; `open-database.ts` opens and stops them. */
export interface DatabaseParts {
  readonly name: string;
  readonly clock: Clock;
  readonly machine: DocumentStateMachine;
  readonly replica: Replica;
  readonly manager: CheckpointManager;
  readonly reader: DocumentReader;
  readonly checkpoint: CheckpointControl;
  cluster(): ClusterStatus;
  /** What the log may still take without a new file, in bytes. */
  logRoomBytes(): number;
  /** What keeps the checkpoint from being served; undefined: nothing. */
  damage(): LoggosError | undefined;
  /** Of a member of the group. */
  nameOf(replica: ReplicaId): string | undefined;
  /** The names of those of the group that are not there. */
  missing(): readonly string[];
}

/** With less room the log refuses what clients commonly write. */
const roomBytesMin = 64 * 1024;

/** One database as REST needs it. */
export class DocumentDatabase implements Database {
  readonly name: string;
  readonly read: DocumentReader;
  readonly checkpoint: CheckpointControl;
  readonly snapshots: Snapshots;
  readonly #parts: DatabaseParts;
  readonly #positions: PositionGate;

  constructor(parts: DatabaseParts) {
    const { clock, machine, manager } = parts;
    this.#parts = parts;
    this.name = parts.name;
    this.read = parts.reader;
    this.checkpoint = parts.checkpoint;
    // What is known to be wrong is a source for nobody (E5); it may be looked at and dropped.
    this.snapshots = {
      create: async (kind) => {
        this.#refuseUnfit();
        return manager.createSnapshot(kind);
      },
      list: () => manager.listSnapshots(),
      remove: (instance) => manager.removeSnapshot(instance),
      open: async (instance) => {
        this.#refuseUnfit();
        return manager.openSnapshot(instance);
      },
    };
    this.#positions = new PositionGate(clock, () => machine.state.position);
    machine.onApplied(() => this.#positions.advanced());
  }

  get limits(): Database['limits'] {
    return this.#parts.machine.state.settings;
  }

  async write(proposal: DocumentProposal, deadline: Deadline): Promise<ProposalOutcome> {
    this.#refuseUnfit();
    const { bytes, decoded: context } = encodeWrite(proposal);
    try {
      const { outcome } = await this.#parts.replica.propose(documentMachineId, bytes, { deadline, context });
      return outcome as ProposalOutcome;
    } catch (error) {
      throw this.#withLeaderName(error);
    }
  }

  async linearizable(deadline: Deadline): Promise<void> {
    this.#refuseUnfit();
    try {
      await this.#parts.replica.linearizable(deadline);
    } catch (error) {
      throw this.#withLeaderName(error);
    }
  }

  reached(position: number, deadline: Deadline): Promise<void> {
    return this.#positions.wait(position, deadline);
  }

  async checkpointReached(position: number, deadline: Deadline): Promise<void> {
    const { machine, manager } = this.#parts;
    if (position <= machine.checkpointHead.state.position) return;
    await this.reached(position, deadline);
    await manager.reached(this.#instanceOf(position), deadline);
  }

  readiness(): ReturnType<Database['readiness']> {
    const { replica, manager } = this.#parts;
    const damage = this.#parts.damage();
    const { state, reason } = manager.replayer.status;
    const why = replica.canRead ? '' : this.#whyNot();
    // Reads are answered all the same.
    const isFull = this.#parts.logRoomBytes() < roomBytesMin;
    return [
      { name: 'leader', ok: replica.canRead, ...(why === '' ? {} : { detail: why }) },
      { name: 'log', ok: true, ...(isFull ? { detail: 'the disk has no room for it to grow' } : {}) },
      { name: 'checkpoint', ok: damage === undefined, ...(damage === undefined ? {} : { detail: damage.message }) },
      { name: 'replayer', ok: state !== 'failed', ...(reason === undefined ? {} : { detail: reason }) },
    ];
  }

  cluster(): ClusterStatus {
    return this.#parts.cluster();
  }

  /** Why no linearizable read is answered here; empty: that is not known. */
  #whyNot(): string {
    const { replica, nameOf, missing } = this.#parts;
    const { state, leader } = replica;
    if (state.reason !== '') return state.reason;
    if (leader !== undefined && !replica.isLeader) return `${nameOf(leader) ?? `replica ${leader}`} leads`;
    const names = missing();
    return names.length === 0 ? '' : `nobody leads yet; not there: ${names.join(', ')}`;
  }

  /** The leader is named as clients know it, in place of its number. */
  #withLeaderName(error: unknown): unknown {
    if (!(error instanceof LoggosError) || error.code !== 'no-leader') return error;
    const { leader, ...facts } = error.facts;
    const name = typeof leader === 'number' ? this.#parts.nameOf(leader) : undefined;
    if (name === undefined) return new LoggosError(error.code, error.message, facts, error);
    const message = `${error.message} Ask ${name}, which leads.`;
    return new LoggosError(error.code, message, { ...facts, leader: name }, error);
  }

  /** Of an applied position; its line leaves the tail only when the checkpoint has it. */
  #instanceOf(position: number): number {
    const { machine } = this.#parts;
    const line = machine.tail.line(position);
    const instance = line === undefined ? undefined : /"instance":(\d+)/.exec(line)?.[1];
    return instance === undefined ? machine.checkpointInstance() : Number(instance);
  }

  #refuseUnfit(): void {
    const refusal = this.#parts.damage() ?? this.#parts.replica.exclusion;
    if (refusal !== undefined) throw refusal;
  }
}
