import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { AppliedLog } from '../checkpoint/applied-log.ts';
import type { LogRecord } from '../log/log.ts';
import type { Ballot, ReplicaId } from '../paxos/ballot.ts';
import type { Membership } from '../paxos/chosen-value.ts';
import { canRead } from '../paxos/core.ts';
import { ruling } from '../paxos/membership.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import { Engine } from './engine.ts';
import type { ReplicaState } from './life.ts';
import type { ReplicaOptions } from './options.ts';
import type { Parts } from './parts.ts';
import type { ProposalResult, ProposeOptions } from './proposals.ts';

/** What a machine that joins late is given at once. */
const joinCountMax = 256;
const joinBytesMax = 8 * 1024 * 1024;

/**
 * One member of one Paxos group, as clients and checkpoints see it. What runs in it is the `Engine`; what to do is
 * decided in `paxos/`.
 */
export class Replica implements AppliedLog {
  readonly #options: ReplicaOptions;
  readonly #engine: Engine;
  readonly #parts: Parts;

  /** As `start`, and resolves when the replica is `ready`. @throws as `start` and `ready` */
  static async boot(options: ReplicaOptions): Promise<Replica> {
    const replica = Replica.start(options);
    await replica.ready;
    return replica;
  }

  /**
   * Executes what the log proves chosen, then takes part in its group: leads it, or follows whoever does.
   * @throws LoggosError `not-a-member`, `checkpoint-damaged`
   */
  static start(options: ReplicaOptions): Replica {
    const replica = new Replica(options);
    replica.#engine.start();
    return replica;
  }

  private constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#engine = new Engine(options);
    this.#parts = this.#engine.parts;
  }

  /**
   * Resolves when it leads and all that was chosen before is applied; when it follows a leader and has applied what that
   * one knew to be chosen; when the full tail keeps it from applying until the Replayer runs; or with a replica that says
   * in `state` why it does none of that.
   * @throws LoggosError `not-a-member`, `wrong-cluster`; and what a machine or the log throws
   */
  get ready(): Promise<void> {
    return this.#engine.life.settled;
  }

  get state(): ReplicaState {
    return this.#engine.state;
  }

  /** Why nothing of what it has may be answered to anybody, as it is no fit member any more; undefined: it may. */
  get exclusion(): LoggosError | undefined {
    return this.#engine.life.exclusion;
  }

  get appliedInstance(): number {
    return this.#parts.applier.appliedInstance;
  }

  get maxChosenInstance(): number {
    return this.#parts.core.learner.chosenTo;
  }

  get minChosenInstance(): number {
    return this.#options.log.firstInstance;
  }

  /** The highest ballot that this replica has promised. */
  get ballot(): Ballot {
    return this.#parts.core.acceptor.promised;
  }

  /** The membership that rules the next instance; undefined: none is known yet. */
  get membership(): Membership | undefined {
    const { memberships, learner } = this.#parts.core;
    return memberships.reigns.length === 0 ? undefined : ruling(memberships, learner.chosenTo + 1).membership;
  }

  /** Who leads, as far as this replica knows. */
  get leader(): ReplicaId | undefined {
    return this.#parts.standing.leader;
  }

  get isLeader(): boolean {
    return this.state.name === 'running' && this.#parts.core.leader.phase === 'leading';
  }

  /** Whether a linearizable read would be answered now. */
  get canRead(): boolean {
    return this.isLeader && canRead(this.#parts.core);
  }

  /**
   * Proposes once and resolves when the outcome is applied here.
   * @param proposal - not changed by the caller any more
   * @throws LoggosError `no-leader` (with the `leader`'s replica id where it is known), `busy`, `no-room`, `log-damaged`,
   * `stopped`: surely not done; `outcome-unknown`: perhaps
   */
  propose(machineId: number, proposal: Uint8Array, options: ProposeOptions = {}): Promise<ProposalResult> {
    const { admission, proposals, sweep } = this.#parts;
    const refusal = this.isLeader ? admission.refusalOf(machineId, proposal) : this.#engine.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const result = proposals.submit(machineId, proposal, options);
    sweep.later();
    this.#engine.drainSoon();
    return result;
  }

  /**
   * Resolves when a read begun before this call may be answered from what is applied.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `no-leader`, `position-not-reached`, `busy`, `stopped`
   */
  async linearizable(deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.canRead) throw this.#engine.refusal();
    const confirmed = this.#parts.reads.wait(deadline);
    this.#parts.sweep.later();
    await this.waitApplied(await confirmed, deadline);
  }

  /**
   * Resolves when `instance` is applied here.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `position-not-reached`, `busy`, `stopped`
   */
  waitApplied(instance: number, deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#engine.life.isOver) return Promise.reject(this.#engine.refusal());
    const reached = this.#parts.gate.wait(instance, deadline);
    this.#parts.sweep.later();
    return reached;
  }

  /**
   * Changes one member of the group and resolves when the new membership rules.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `no-leader`, `stopped`, `busy`, `membership-changing`, `not-caught-up`, `quorum-at-risk`,
   * `wrong-cluster`, `invalid-parameter`: surely not done; `outcome-unknown`: perhaps
   */
  changeMembership(membership: Membership, deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.isLeader) return Promise.reject(this.#engine.refusal());
    const done = this.#parts.change.propose(membership, deadline);
    this.#parts.sweep.later();
    return done;
  }

  /**
   * Hands the leadership to another voter and resolves when this replica follows it.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `usage`, `no-leader`, `busy`, `stopped`
   */
  transferLeadership(to: ReplicaId, deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.isLeader) return Promise.reject(this.#engine.refusal());
    const done = this.#parts.transfer.begin(to, deadline);
    this.#parts.sweep.later();
    return done;
  }

  /**
   * Registers a machine that a chosen value waits for (or will be for), brings it level, and goes on.
   * @throws LoggosError `usage` as `Machines.register`; `history-trimmed` where the log no longer has what it lacks
   */
  async register(machine: StateMachine): Promise<void> {
    const { machines, log } = this.#options;
    const { firstInstance } = log;
    const lacksFrom = machine.checkpointInstance() + 1;
    if (lacksFrom <= this.appliedInstance && lacksFrom < firstInstance) {
      const facts = { machineId: machine.id, firstInstance };
      throw new LoggosError(
        'history-trimmed',
        `The log begins at ${firstInstance}, after what the machine lacks.`,
        facts,
      );
    }
    machines.register(machine);
    await this.#parts.applier.join(machine, (instance) => this.readChosen(instance, joinCountMax, joinBytesMax));
  }

  /**
   * Lets in nothing more, finishes what is under way as long as the grace lasts, and answers the rest: `stopped` where
   * it was not proposed, else `outcome-unknown`.
   */
  stop(): Promise<void> {
    return this.#engine.stop();
  }

  onApplied(listener: (appliedInstance: number) => void): () => void {
    return this.#engine.onApplied(listener);
  }

  liveFingerprint(machineId: number, instance: number): Uint8Array | undefined {
    return this.#parts.applier.fingerprints.of(machineId, instance);
  }

  readChosen(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    return this.#parts.readable.read(firstInstance, this.appliedInstance, countMax, bytesMax);
  }

  dropBelow(instance: number): Promise<number> {
    assert(instance <= this.#options.machines.checkpointInstance + 1, 'the log is kept above the checkpoint');
    return this.#options.log.dropBelow(instance);
  }

  bytesFrom(instance: number): number {
    return this.#options.log.bytesFrom(instance);
  }

  timeOf(instance: number): number | undefined {
    return this.#options.log.timeOf(instance);
  }

  /** The Replayer cannot read from the log what comes next, however often it tries. */
  logRotted(error: LoggosError): void {
    this.#engine.logRotted(error);
  }

  checkpointed(instance: number): void {
    this.#parts.applier.fingerprints.forgetBelow(instance);
    // The tail is smaller now: what was held for its sake may go on.
    this.#engine.drainSoon();
  }
}
