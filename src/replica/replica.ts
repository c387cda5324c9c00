/**
 * One member of one Paxos group: receive → step → perform. What to do is decided in `paxos/`; what is here hands
 * inputs to the core, does what it says, and answers clients.
 *
 * Back-pressure: `pressure` is the tail's bytes by their limit. From one half on, what is let in costs a pause that
 * grows smoothly without bound (pace.ts), so that the rate sinks to the Replayer's and callers feel latency; at 1 a
 * proposal is refused `busy` with the cause `replayer`.
 */
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { AppliedLog } from '../checkpoint/applied-log.ts';
import type { Log, LogBoot, LogRecord } from '../log/log.ts';
import type { Ballot } from '../paxos/ballot.ts';
import { encodeChosenValue, type Membership } from '../paxos/chosen-value.ts';
import { type CoreInput, type CoreState, canPropose, canRead, everyVoterPromised, step } from '../paxos/core.ts';
import type { ChosenMembership } from '../paxos/membership.ts';
import type { Machines } from '../statemachine/machines.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import { Applier } from './applier.ts';
import { bootCore, damageOf, type ReplicaIdentity, refuseStranger } from './boot.ts';
import { InstanceGate } from './instance-gate.ts';
import { defaultReplicaLimits, type ReplicaLimits } from './limits.ts';
import { Pace } from './pace.ts';
import { type Hands, perform } from './perform.ts';
import { type ProposalResult, Proposals, type ProposeOptions, proposalOverheadBytes } from './proposals.ts';
import { ReadRounds } from './reads.ts';
import { Storage } from './storage.ts';

export interface ReplicaOptions {
  readonly identity: ReplicaIdentity;
  /** The caller's to close, after `stop`. */
  readonly log: Log;
  readonly boot: LogBoot;
  readonly machines: Machines;
  /** From group.json, ascending. */
  readonly memberships: readonly ChosenMembership[];
  /** Of a new group, as long as group.json has none: instance 1 will hold it. */
  readonly initialMembership?: Membership;
  /** Keeps a chosen membership in group.json; its instance is applied only after it resolved. */
  readonly onMembership: (instance: number, membership: Membership) => Promise<void>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The live tail's bytes divided by their limit. */
  readonly pressure: () => number;
  readonly limits?: Partial<ReplicaLimits>;
  /** The replica has stopped by itself after `boot` resolved: the log is dead, a machine failed, or an invariant broke. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * `starting`: not leading yet. `machine-missing`: a chosen value is for a machine that is not registered; `register`
 * lets it go on. `read-only`: its log is damaged; what was good is served, writes are refused.
 */
export type ReplicaStateName = 'starting' | 'running' | 'machine-missing' | 'read-only' | 'stopped';

export interface ReplicaState {
  readonly name: ReplicaStateName;
  /** A sentence for people; empty while all is well. */
  readonly reason: string;
}

const replayCountMax = 256;
const replayBytesMax = 8 * 1024 * 1024;
/** How often a batch that back-pressure holds looks again, in milliseconds. */
const pacePollMs = 5;

export class Replica implements AppliedLog {
  readonly #options: ReplicaOptions;
  readonly #limits: ReplicaLimits;
  readonly #core: CoreState;
  readonly #storage: Storage;
  readonly #applier: Applier;
  readonly #proposals: Proposals;
  readonly #reads: ReadRounds;
  readonly #gate: InstanceGate;
  readonly #pace = new Pace();
  readonly #listeners = new Set<(appliedInstance: number) => void>();
  readonly #inputs: CoreInput[] = [];
  readonly #hands: Hands;
  /** Resolves when the first state after `starting` is reached. */
  readonly #settled = Promise.withResolvers<void>();
  /** Resolves when this replica leads and all that was chosen before is applied. */
  readonly #led = Promise.withResolvers<void>();
  /** Resolves when nothing is under way any more, once `stop` was called. */
  readonly #drained = Promise.withResolvers<void>();
  #released = Promise.withResolvers<void>();
  #state: ReplicaState = { name: 'starting', reason: '' };
  #stateBefore: ReplicaState = { name: 'starting', reason: '' };
  #isReceiving = false;
  #isDraining = false;
  #isDrainSoon = false;
  #isHalted = false;
  #lastTime = 0;
  #cancelSweep: (() => void) | undefined;
  #cancelPause: (() => void) | undefined;

  /**
   * Executes what the log proves chosen, then elects itself, proposes its tail again and, in a new group, its
   * membership. Resolves when it leads and all of that is applied, or with a replica that says in `state` why it does
   * not.
   * @throws LoggosError `not-a-member`, `wrong-cluster`, `log-damaged`; and what a machine or the log throws
   */
  static async boot(options: ReplicaOptions): Promise<Replica> {
    const replica = new Replica(options);
    replica.#start().catch((error: unknown) => replica.#fail(error));
    await replica.#settled.promise;
    return replica;
  }

  private constructor(options: ReplicaOptions) {
    const { machines, log, clock, identity, memberships, initialMembership } = options;
    this.#options = options;
    this.#limits = { ...defaultReplicaLimits, ...options.limits };
    const { checkpointInstance } = machines;
    this.#core = bootCore({ identity, log: options.boot, checkpointInstance, memberships, initialMembership });
    this.#storage = new Storage(log, clock, (error) => this.#fail(error));
    this.#proposals = new Proposals(this.#limits);
    this.#reads = new ReadRounds(this.#limits.waitingReadsMax, (round) => this.#receive({ kind: 'read', round }));
    this.#gate = new InstanceGate(checkpointInstance, this.#limits.waitingReadsMax);
    const membershipsTo = memberships.at(-1)?.instance ?? 0;
    this.#applier = new Applier(machines, membershipsTo, {
      contextOf: (instance) => this.#proposals.contextOf(instance),
      onApplied: (instance, value, outcomes) => this.#proposals.applied(instance, value, outcomes),
      onMembership: options.onMembership,
      onMachineMissing: (instance, machineId) => this.#onMachineMissing(instance, machineId),
      onReleased: () => this.#afterRelease(),
      onFailure: (error) => this.#fail(error),
    });
    const self = identity.replicaId;
    this.#hands = {
      self,
      storage: this.#storage,
      applier: this.#applier,
      reads: this.#reads,
      deliver: (message) => this.#receive({ kind: 'message', from: this.#core.self, message }),
    };
  }

  get state(): ReplicaState {
    return this.#state;
  }

  get appliedInstance(): number {
    return this.#applier.appliedInstance;
  }

  get maxChosenInstance(): number {
    return this.#core.learner.chosenTo;
  }

  get minChosenInstance(): number {
    return this.#options.log.firstInstance;
  }

  /** The highest ballot that this replica has promised. */
  get ballot(): Ballot {
    return this.#core.acceptor.promised;
  }

  get isLeader(): boolean {
    return this.#state.name === 'running' && this.#core.leader.phase === 'leading';
  }

  /** Whether a linearizable read would be answered now. */
  get canRead(): boolean {
    return this.isLeader && canRead(this.#core);
  }

  /**
   * Proposes once and resolves when the outcome is applied here.
   * @param proposal - not changed by the caller any more
   * @throws LoggosError `no-leader`, `busy`, `no-room`, `log-damaged`, `stopped`: surely not done; `outcome-unknown`: perhaps
   */
  propose(machineId: number, proposal: Uint8Array, options: ProposeOptions = {}): Promise<ProposalResult> {
    const refusal = this.#refusalOf(machineId, proposal);
    if (refusal !== undefined) return Promise.reject(refusal);
    const result = this.#proposals.submit(machineId, proposal, options);
    this.#sweepLater();
    this.#drainSoon();
    return result;
  }

  /**
   * Resolves when a read begun before this call may be answered from what is applied.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `no-leader`, `position-not-reached`, `busy`, `stopped`
   */
  async linearizable(deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.canRead) throw this.#unavailable();
    const confirmed = this.#reads.wait(deadline);
    this.#sweepLater();
    await this.waitApplied(await confirmed, deadline);
  }

  /**
   * Resolves when `instance` is applied here.
   * @param deadline - on the monotonic clock, in milliseconds
   * @throws LoggosError `position-not-reached`, `busy`, `stopped`
   */
  waitApplied(instance: number, deadline: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#state.name === 'stopped') return Promise.reject(this.#unavailable());
    const reached = this.#gate.wait(instance, deadline);
    this.#sweepLater();
    return reached;
  }

  /**
   * Registers a machine that a chosen value waits for (or will be for), brings it level, and goes on.
   * @throws LoggosError `usage` as `Machines.register`; `history-trimmed` where the log no longer has what it lacks
   */
  async register(machine: StateMachine): Promise<void> {
    const { machines, log } = this.#options;
    const lacksFrom = machine.checkpointInstance() + 1;
    if (lacksFrom <= this.appliedInstance && lacksFrom < log.firstInstance) {
      throw new LoggosError(
        'history-trimmed',
        `The log begins at ${log.firstInstance}, after what the machine lacks.`,
        {
          machineId: machine.id,
          firstInstance: log.firstInstance,
        },
      );
    }
    machines.register(machine);
    await this.#applier.join(machine, (firstInstance) =>
      this.readChosen(firstInstance, replayCountMax, replayBytesMax),
    );
  }

  /**
   * Lets in nothing more, finishes what is under way as long as the grace lasts, and answers the rest: `stopped` where
   * it was not proposed, else `outcome-unknown`.
   */
  async stop(): Promise<void> {
    if (this.#isHalted) return;
    const wasRunning = this.#state.name === 'running';
    this.#setState('stopped', 'The replica was stopped.');
    if (wasRunning && !this.#proposals.isIdle) {
      const cancel = this.#options.clock.after(this.#limits.stopGraceMs, () => this.#drained.resolve());
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
    return this.#applier.fingerprints.of(machineId, instance);
  }

  async readChosen(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    const count = Math.min(countMax, this.appliedInstance - firstInstance + 1);
    return count <= 0 ? [] : this.#options.log.read(firstInstance, count, bytesMax);
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
    this.#applier.fingerprints.forgetBelow(instance);
  }

  async #start(): Promise<void> {
    const { boot, identity, log } = this.#options;
    await this.#replay(boot.chosenTo);
    refuseStranger(identity, this.#core);
    const damage = damageOf(boot);
    if (damage !== undefined) {
      this.#options.observer.report('error', 'log-damaged', { reason: damage });
      this.#setState('read-only', damage);
      return;
    }
    this.#receive({ kind: 'campaign' });
    await this.#led.promise;
    if (everyVoterPromised(this.#core)) await log.settleAmbiguous();
    this.#setState('running', '');
  }

  async #replay(chosenTo: number): Promise<void> {
    while (this.maxChosenInstance < chosenTo) {
      const firstInstance = this.maxChosenInstance + 1;
      const count = Math.min(replayCountMax, chosenTo - this.maxChosenInstance);
      const records = await this.#options.log.read(firstInstance, count, replayBytesMax);
      if (this.#isHalted) return;
      assert(records[0]?.instance === firstInstance, 'the log has what it proves chosen', { firstInstance });
      for (const chosen of records) this.#receive({ kind: 'replay', chosen });
      // A machine or group.json holds it back: what is read of the log stays little.
      while (this.appliedInstance < this.maxChosenInstance && !this.#isHalted) await this.#released.promise;
    }
  }

  #receive(input: CoreInput): void {
    if (this.#isHalted) return;
    this.#inputs.push(input);
    if (this.#isReceiving) return;
    this.#isReceiving = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        perform(step(this.#core, next), this.#hands);
      }
      this.#storage.flush();
      this.#options.log.chosenTo(this.maxChosenInstance);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isReceiving = false;
    }
    this.#drain();
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
      this.#proposeWaiting();
      this.#apply();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isDraining = false;
    }
    if (this.#state.name === 'stopped' && this.#proposals.isIdle) this.#drained.resolve();
  }

  #proposeWaiting(): void {
    const { clock } = this.#options;
    while (
      this.#proposals.waitingCount > 0 &&
      this.#storage.outstanding < this.#limits.appendsInFlightMax &&
      canPropose(this.#core)
    ) {
      const now = clock.monotonic();
      if (!this.#isOpen(now)) return;
      const batch = this.#proposals.cut();
      if (batch === undefined) return;
      const { machineId, waiters, bytes } = batch;
      this.#lastTime = Math.max(this.#lastTime, this.#applier.lastTime, clock.now());
      const proposals = waiters.map((waiter) => waiter.bytes);
      const value = encodeChosenValue({ kind: 'batch', machineId, time: this.#lastTime, proposals });
      this.#proposals.proposed(this.#core.leader.nextInstance, value, batch);
      this.#options.observer.measure('batch_proposals', waiters.length);
      this.#pace.letIn(bytes, now);
      this.#receive({ kind: 'propose', value });
    }
  }

  /** Whether back-pressure lets a batch in now; looks again by itself where it does not. */
  #isOpen(now: number): boolean {
    if (this.#pace.isOpen(this.#options.pressure(), now)) return true;
    this.#cancelPause ??= this.#options.clock.after(pacePollMs, () => {
      this.#cancelPause = undefined;
      this.#drain();
    });
    return false;
  }

  #apply(): void {
    const before = this.appliedInstance;
    this.#applier.apply();
    this.#announce(before);
  }

  #announce(before: number): void {
    const { appliedInstance } = this;
    if (appliedInstance > before) {
      this.#gate.advance(appliedInstance);
      for (const listener of this.#listeners) listener(appliedInstance);
    }
    if (canRead(this.#core) && appliedInstance >= (this.#core.leader.openingInstance ?? 0)) this.#led.resolve();
  }

  #onMachineMissing(instance: number, machineId: number): void {
    const reason = `Instance ${instance} is for state machine ${machineId}, which is not registered.`;
    this.#options.observer.report('error', 'machine-missing', { instance, machineId });
    if (this.#state.name === 'stopped') return;
    this.#stateBefore = this.#state;
    this.#setState('machine-missing', reason);
  }

  #afterRelease(): void {
    if (this.#isHalted) return;
    if (this.#state.name === 'machine-missing') this.#state = this.#stateBefore;
    this.#announce(this.#gate.reached);
    this.#drain();
    this.#released.resolve();
    this.#released = Promise.withResolvers<void>();
  }

  #refusalOf(machineId: number, proposal: Uint8Array): LoggosError | undefined {
    const { log, machines, pressure } = this.#options;
    if (!this.isLeader) return this.#unavailable();
    if (!machines.has(machineId)) {
      return new LoggosError('usage', `No state machine has the id ${machineId}.`, { machineId });
    }
    if (pressure() >= 1) {
      const message = 'The checkpoint is behind by as much as memory may hold; writes wait for the Replayer.';
      return new LoggosError('busy', message, { cause: 'replayer' });
    }
    if (proposal.length + proposalOverheadBytes > log.valueBytesMax) {
      const limit = log.valueBytesMax - proposalOverheadBytes;
      return new LoggosError('body-too-large', 'The write is larger than one file of the log may take.', { limit });
    }
    if (this.#proposals.bytes + proposal.length + proposalOverheadBytes > log.roomBytes) {
      return new LoggosError('no-room', 'The disk has no room for the log to grow.');
    }
    return undefined;
  }

  #unavailable(): LoggosError {
    const { name, reason } = this.#state;
    if (name === 'read-only') return new LoggosError('log-damaged', reason);
    if (name === 'stopped' || name === 'machine-missing') return new LoggosError('stopped', reason);
    return new LoggosError('no-leader', 'This replica does not lead yet.');
  }

  /** Looks at deadlines as long as anybody waits. */
  #sweepLater(): void {
    if (this.#cancelSweep !== undefined || this.#isIdle()) return;
    const { clock } = this.#options;
    this.#cancelSweep = clock.after(this.#limits.deadlineSweepMs, () => {
      this.#cancelSweep = undefined;
      const now = clock.monotonic();
      this.#proposals.expire(now);
      this.#reads.expire(now);
      this.#gate.expire(now);
      this.#sweepLater();
    });
  }

  #isIdle(): boolean {
    return this.#proposals.isIdle && this.#reads.isIdle && this.#gate.isIdle;
  }

  #setState(name: ReplicaStateName, reason: string): void {
    if (this.#state.name === 'stopped') return;
    this.#state = { name, reason };
    if (name !== 'starting') this.#settled.resolve();
  }

  /** Something broke that the next instance must not be built on: nothing more is done, and all data is kept. */
  #fail(error: unknown): void {
    if (this.#isHalted) return;
    const isBooting = this.#state.name === 'starting';
    const reason = error instanceof Error ? error.message : String(error);
    this.#state = { name: 'stopped', reason };
    this.#halt();
    this.#options.observer.report('error', 'replica-failed', { reason });
    if (isBooting) this.#settled.reject(error);
    else this.#options.onFatal(error);
  }

  /** Revokes what is on its way and answers everybody who waits. */
  #halt(): void {
    this.#isHalted = true;
    this.#storage.revoke();
    this.#cancelSweep?.();
    this.#cancelPause?.();
    const stopped = this.#unavailable();
    this.#proposals.refuseWaiting(stopped);
    this.#proposals.abandonInFlight();
    this.#reads.fail(stopped);
    this.#gate.fail(stopped);
    this.#drained.resolve();
    this.#released.resolve();
  }
}
