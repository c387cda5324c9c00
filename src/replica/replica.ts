/**
 * One member of one Paxos group: receive → step → perform. What to do is decided in `paxos/`; what is here hands inputs
 * to the core (core-loop.ts), has done what it says (perform.ts), lets proposals in, applies what is chosen, and answers
 * clients. parts.ts puts it together.
 */
import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { AppliedLog } from '../checkpoint/applied-log.ts';
import type { LogRecord } from '../log/log.ts';
import type { Ballot, ReplicaId } from '../paxos/ballot.ts';
import type { Membership } from '../paxos/chosen-value.ts';
import { canRead } from '../paxos/core.ts';
import { ruling } from '../paxos/membership.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Exclusion } from '../paxos/outputs.ts';
import type { Peer } from '../paxos/peer.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import { damageOf, isAlone, refuseStranger } from './boot.ts';
import { describeExclusion } from './exclusion.ts';
import { Life, noLeader, type ReplicaState } from './life.ts';
import { defaultReplicaLimits } from './limits.ts';
import type { ReplicaOptions } from './options.ts';
import { assemble, type Parts } from './parts.ts';
import type { ProposalResult, ProposeOptions } from './proposals.ts';
import { replayLog } from './replay.ts';

/** Fingerprints are compared with those of the others after every instance that this divides. */
const markInterval = 16;
/** What a machine that joins late is given at once. */
const joinCountMax = 256;
const joinBytesMax = 8 * 1024 * 1024;

export class Replica implements AppliedLog {
  readonly #options: ReplicaOptions;
  readonly #parts: Parts;
  readonly #life = new Life();
  readonly #listeners = new Set<(appliedInstance: number) => void>();
  /** Resolves when nothing is under way any more, once `stop` was called. */
  readonly #drained = Promise.withResolvers<void>();
  /** Resolves when applying goes on after something held it. */
  #released = Promise.withResolvers<void>();
  /** What the log proves chosen is replayed: from here on it takes part in its group. */
  #takesPart = false;
  /** The newest membership that peers were told of, by the instance that chose it. */
  #toldEpoch = 0;
  #isDraining = false;
  #isDrainSoon = false;
  #isHalted = false;

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
    replica.ready.catch(() => undefined);
    replica.#start().catch((error: unknown) => replica.#fail(error));
    return replica;
  }

  private constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#parts = assemble(options, {
      receive: (input) => this.#parts.loop.receive(input),
      onTick: () => this.#tick(),
      drain: () => this.#drain(),
      onPerformed: () => this.#onPerformed(),
      onReadLost: () => this.#parts.reads.fail(this.#refusal()),
      onBehind: (minChosenInstance) => this.#onBehind(minChosenInstance),
      onExcluded: (exclusion) => this.#onExcluded(exclusion),
      mayApply: () => this.#mayApply(),
      onApplied: (instance, value, outcomes) => this.#onApplied(instance, value, outcomes),
      onMembership: options.onMembership,
      onMachineMissing: (instance, machineId) => this.#onMachineMissing(instance, machineId),
      onReleased: () => this.#onReleased(),
      onOfficeLost: () => this.#onOfficeLost(),
      onLevel: () => void this.#run().catch((error: unknown) => this.#fail(error)),
      onFailure: (error) => this.#fail(error),
    });
  }

  /**
   * Resolves when it leads and all that was chosen before is applied; when it follows a leader and has applied what that
   * one knew to be chosen; when the full tail keeps it from applying until the Replayer runs; or with a replica that says
   * in `state` why it does none of that.
   * @throws LoggosError `not-a-member`, `wrong-cluster`; and what a machine or the log throws
   */
  get ready(): Promise<void> {
    return this.#life.settled;
  }

  get state(): ReplicaState {
    return this.#life.state;
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

  /** Takes what another replica said. */
  receive(from: Peer, message: PaxosMessage): void {
    if (!this.#takesPart) return;
    this.#parts.loop.receive({ kind: 'message', from, message });
    this.#parts.standing.heard(from.replica, message);
  }

  /**
   * Proposes once and resolves when the outcome is applied here.
   * @param proposal - not changed by the caller any more
   * @throws LoggosError `no-leader` (with the `leader`'s replica id where it is known), `busy`, `no-room`, `log-damaged`,
   * `stopped`: surely not done; `outcome-unknown`: perhaps
   */
  propose(machineId: number, proposal: Uint8Array, options: ProposeOptions = {}): Promise<ProposalResult> {
    const { admission, proposals, sweep } = this.#parts;
    const refusal = this.isLeader ? admission.refusalOf(machineId, proposal) : this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const result = proposals.submit(machineId, proposal, options);
    sweep.later();
    this.#drainSoon();
    return result;
  }

  /**
   * Resolves when a read begun before this call may be answered from what is applied.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `no-leader`, `position-not-reached`, `busy`, `stopped`
   */
  async linearizable(deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.canRead) throw this.#refusal();
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
    if (this.#life.isOver) return Promise.reject(this.#refusal());
    const reached = this.#parts.gate.wait(instance, deadline);
    this.#parts.sweep.later();
    return reached;
  }

  /**
   * Changes one member of the group and resolves when the new membership rules.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `no-leader`, `membership-changing`, `stopped`: surely not done; `outcome-unknown`: perhaps
   */
  changeMembership(membership: Membership, deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.isLeader) return Promise.reject(this.#refusal());
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
    if (!this.isLeader) return Promise.reject(this.#refusal());
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
  async stop(): Promise<void> {
    if (this.#isHalted) return;
    const wasRunning = this.state.name === 'running';
    this.#life.become('stopped', 'The replica was stopped.');
    if (wasRunning && !this.#parts.proposals.isIdle) {
      const { clock, limits } = this.#options;
      const graceMs = limits?.stopGraceMs ?? defaultReplicaLimits.stopGraceMs;
      const cancel = clock.after(graceMs, () => this.#drained.resolve());
      await this.#drained.promise;
      cancel();
    }
    this.#halt();
  }

  onApplied(listener: (appliedInstance: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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

  checkpointed(instance: number): void {
    this.#parts.applier.fingerprints.forgetBelow(instance);
    // The tail is smaller now: what was held for its sake may go on.
    this.#drainSoon();
  }

  async #start(): Promise<void> {
    const { boot, identity, log, machines, observer, isJoining = false } = this.#options;
    const { core } = this.#parts;
    const replica = this;
    await replayLog(log, machines.checkpointInstance + 1, boot.chosenTo, {
      get isHalted() {
        return replica.#isHalted;
      },
      replay: (chosen) => this.#parts.loop.receive({ kind: 'replay', chosen }),
      allApplied: () => this.#allApplied(),
    });
    if (this.#isHalted) return;
    refuseStranger(identity, isJoining, core);
    const damage = damageOf(boot, isAlone(core));
    if (damage !== undefined) {
      observer.report('error', 'log-damaged', { reason: damage });
      this.#life.become('read-only', damage);
      return;
    }
    this.#takesPart = true;
    this.#tellPeers();
    this.#parts.ticking.start();
    this.#tick();
  }

  /** A machine or group.json may hold it back. */
  async #allApplied(): Promise<void> {
    while (this.appliedInstance < this.maxChosenInstance && !this.#isHalted) await this.#released.promise;
  }

  /** It is level with its group: from here on it serves. */
  async #run(): Promise<void> {
    await this.#parts.doubts.settle();
    this.#life.become('running', '');
  }

  #tick(): void {
    this.#parts.loop.receive({ kind: 'tick' });
    if (this.#isHalted) return;
    this.#parts.doubts.settle().catch((error: unknown) => this.#fail(error));
    if (this.#isTailFull()) this.#life.settle();
  }

  #onPerformed(): void {
    const { storage, standing, transfer, core } = this.#parts;
    storage.flush();
    standing.look();
    transfer.look();
    if ((core.memberships.reigns.at(-1)?.instance ?? 0) !== this.#toldEpoch) this.#tellPeers();
  }

  #tellPeers(): void {
    const { core } = this.#parts;
    const { identity, forming, peers } = this.#options;
    const { reigns } = core.memberships;
    this.#toldEpoch = reigns.at(-1)?.instance ?? 0;
    const first = reigns[0]?.membership;
    // The newest one may not rule yet, and who is in neither is not spoken to; its address of the newer one counts.
    const members =
      first === undefined ? forming?.peers : reigns.slice(-2).flatMap(({ membership }) => membership.members);
    peers?.know(first?.clusterId ?? identity.clusterId, members ?? []);
  }

  /** After all who propose in this turn have done so: they share a batch instead of the first going alone. */
  #drainSoon(): void {
    if (this.#isDrainSoon) return;
    this.#isDrainSoon = true;
    queueMicrotask(() => {
      this.#isDrainSoon = false;
      this.#drain();
    });
  }

  /** Lets in what waits, first, so that the disk has work; then applies what is chosen. */
  #drain(): void {
    if (this.#isDraining || this.#isHalted) return;
    this.#isDraining = true;
    try {
      this.#parts.admission.proposeWaiting();
      const before = this.appliedInstance;
      this.#parts.applier.apply();
      this.#announce(before);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isDraining = false;
    }
    if (this.state.name === 'stopped' && this.#parts.proposals.isIdle) this.#drained.resolve();
  }

  #announce(before: number): void {
    const { appliedInstance } = this;
    if (appliedInstance === before) return;
    this.#life.resume('behind');
    this.#parts.gate.advance(appliedInstance);
    for (const listener of this.#listeners) listener(appliedInstance);
    this.#parts.standing.look();
  }

  /** A tail that is full keeps a replica from applying, never from voting; what a leader let in is applied. */
  #mayApply(): boolean {
    if (this.#isHalted || this.state.name === 'excluded') return false;
    return !this.#takesPart || this.#parts.standing.isLevelLeader || !this.#isTailFull();
  }

  #isTailFull(): boolean {
    return this.#options.pressure() >= 1;
  }

  #onApplied(instance: number, value: Uint8Array, outcomes: readonly unknown[]): void {
    const { proposals, change, loop } = this.#parts;
    proposals.applied(instance, value, outcomes);
    change.applied(instance, value);
    if (instance % markInterval !== 0 || !this.#takesPart) return;
    for (const { id: machineId } of this.#options.machines.all) {
      const fingerprint = this.liveFingerprint(machineId, instance);
      if (fingerprint !== undefined) loop.receive({ kind: 'mark', mark: { machineId, instance, fingerprint } });
    }
  }

  #onMachineMissing(instance: number, machineId: number): void {
    const reason = `Instance ${instance} is for state machine ${machineId}, which is not registered.`;
    this.#options.observer.report('error', 'machine-missing', { instance, machineId });
    this.#life.interrupt('machine-missing', reason);
  }

  #onReleased(): void {
    if (this.#isHalted) return;
    this.#life.resume('machine-missing');
    this.#announce(this.#parts.gate.reached);
    this.#drain();
    this.#released.resolve();
    this.#released = Promise.withResolvers<void>();
  }

  #onOfficeLost(): void {
    const error = noLeader('This replica lost the leadership.', this.leader);
    this.#parts.proposals.refuseWaiting(error);
    this.#parts.reads.fail(error);
  }

  #onBehind(minChosenInstance: number): void {
    const { maxChosenInstance } = this;
    this.#options.observer.report('warn', 'behind', { maxChosenInstance, minChosenInstance });
    const reason = `This replica lacks instance ${maxChosenInstance + 1}; the logs of the others begin at ${minChosenInstance}.`;
    this.#life.interrupt('behind', `${reason} It needs a snapshot.`);
  }

  #onExcluded(exclusion: Exclusion): void {
    const reason = describeExclusion(exclusion);
    this.#options.observer.report('error', 'replica-excluded', { kind: exclusion.kind, reason });
    this.#life.become('excluded', reason);
    this.#parts.ticking.stop();
    this.#answerAll('The replica was excluded from its group');
  }

  #refusal(): LoggosError {
    return this.#life.refusal(this.leader);
  }

  /** Something broke that the next instance must not be built on: nothing more is done, and all data is kept. */
  #fail(error: unknown): void {
    if (this.#isHalted) return;
    const reason = error instanceof Error ? error.message : String(error);
    const isBooting = this.#life.fail(reason, error);
    this.#halt();
    this.#options.observer.report('error', 'replica-failed', { reason });
    if (!isBooting) this.#options.onFatal(error);
  }

  /** Revokes what is on its way and answers everybody who waits. */
  #halt(): void {
    const { loop, storage, readable, admission, sweep, ticking } = this.#parts;
    this.#isHalted = true;
    this.#takesPart = false;
    loop.stop();
    storage.revoke();
    sweep.stop();
    admission.stop();
    ticking.stop();
    readable.fail(this.#refusal());
    this.#answerAll('The replica stopped');
    this.#drained.resolve();
    this.#released.resolve();
  }

  /** Nothing is learned any more. */
  #answerAll(why: string): void {
    const { proposals, reads, gate, change, transfer } = this.#parts;
    const refusal = this.#refusal();
    proposals.refuseWaiting(refusal);
    proposals.abandonInFlight(why);
    reads.fail(refusal);
    gate.fail(refusal);
    change.abandon(why);
    transfer.fail(refusal);
  }
}
