import type { LoggosError } from '../base/errors.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Exclusion } from '../paxos/outputs.ts';
import type { Peer } from '../paxos/peer.ts';
import { isVoter } from '../paxos/trust.ts';
import { damageOf, isAlone, refuseStranger } from './boot.ts';
import { describeExclusion } from './exclusion.ts';
import { Life, noLeader, type ReplicaState } from './life.ts';
import type { ReplicaOptions } from './options.ts';
import { assemble, type Parts } from './parts.ts';
import { replayLog } from './replay.ts';

/**
 * What runs in a replica, from its start to its end: hands inputs to the core, lets proposals in and applies what is
 * chosen after each, and stops everything where something broke. Clients are answered by `Replica`.
 */
export class Engine {
  readonly parts: Parts;
  readonly life = new Life();
  readonly #options: ReplicaOptions;
  readonly #listeners = new Set<(appliedInstance: number) => void>();
  /** Resolves when nothing is under way any more, once `stop` was called. */
  readonly #drained = Promise.withResolvers<void>();
  /** Resolves when applying goes on after something held it. */
  #released = Promise.withResolvers<void>();
  /** What the log proves chosen is replayed: from here on it takes part in its group. */
  #takesPart = false;
  /** What it knew to be chosen when nobody's log could help it. */
  #behindAt: number | undefined;
  #isDraining = false;
  #isDrainSoon = false;
  #isHalted = false;

  /** @throws LoggosError `not-a-member`, `checkpoint-damaged` */
  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.parts = assemble(options, {
      receive: (input) => this.parts.loop.receive(input),
      onMessage: (from, message) => this.#onMessage(from, message),
      onTick: () => this.#tick(),
      drain: () => this.#drain(),
      onPerformed: () => this.#onPerformed(),
      onReadLost: () => this.parts.reads.fail(this.refusal()),
      onBehind: (minChosenInstance) => this.#onBehind(minChosenInstance),
      onExcluded: (exclusion) => this.#onExcluded(exclusion),
      mayApply: () => this.#mayApply(),
      isHalted: () => this.#isHalted,
      onApplied: (instance, value, outcomes) => this.#onApplied(instance, value, outcomes),
      onMembership: options.onMembership,
      onMachineMissing: (instance, machineId) => this.#onMachineMissing(instance, machineId),
      onReleased: () => this.#onReleased(),
      onOfficeLost: () => this.#onOfficeLost(),
      onLevel: () => void this.#run().catch((error: unknown) => this.#fail(error)),
      onFailure: (error) => this.#fail(error),
    });
  }

  get appliedInstance(): number {
    return this.parts.applier.appliedInstance;
  }

  /** Replays what the log proves chosen, then takes part in the group. */
  start(): void {
    this.life.settled.catch(() => undefined);
    this.#start().catch((error: unknown) => this.#fail(error));
  }

  onApplied(listener: (appliedInstance: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** After all who propose in this turn have done so: they share a batch instead of the first going alone. */
  drainSoon(): void {
    if (this.#isDrainSoon) return;
    this.#isDrainSoon = true;
    queueMicrotask(() => {
      this.#isDrainSoon = false;
      this.#drain();
    });
  }

  get state(): ReplicaState {
    const { state } = this.life;
    const isWorking = state.name === 'starting' || state.name === 'running';
    return isWorking ? { name: state.name, reason: this.parts.impasse.reason } : state;
  }

  /** Why nothing is done for anybody now. */
  refusal(): LoggosError {
    const { standing, impasse } = this.parts;
    return this.life.refusal(standing.leader, impasse.reason);
  }

  /** Finishes what is under way as long as the grace lasts, and answers the rest. */
  async stop(): Promise<void> {
    if (this.#isHalted) return;
    const wasRunning = this.life.state.name === 'running';
    this.life.become('stopped', 'The replica was stopped.');
    if (wasRunning && !this.parts.proposals.isIdle) {
      const cancel = this.#options.clock.after(this.parts.limits.stopGraceMs, () => this.#drained.resolve());
      await this.#drained.promise;
      cancel();
    }
    this.#halt();
  }

  /**
   * What is to be checkpointed next cannot be read from the log any more. Where there are others the replica ends: its
   * next start finds what is damaged and asks them for it. Alone, it would come back with less than it has in memory
   * now: it goes on serving that, and takes no write that a start would not find.
   */
  logRotted(error: LoggosError): void {
    if (this.#isHalted) return;
    if (!isAlone(this.parts.core)) {
      this.#fail(error);
      return;
    }
    const until =
      'All that was written can be read until this process ends; only what stands before that can be read, and backed up, after it.';
    const reason = `The log is damaged: ${error.message}. ${until}`;
    this.#options.observer.report('error', 'log-damaged', { reason });
    this.life.become('read-only', reason);
    this.parts.proposals.refuseWaiting(this.refusal());
  }

  async #start(): Promise<void> {
    const { boot, identity, log, machines, observer, isJoining = false } = this.#options;
    const { core } = this.parts;
    const engine = this;
    await replayLog(log, machines.checkpointInstance + 1, boot.chosenTo, {
      get isHalted() {
        return engine.#isHalted;
      },
      replay: (chosen) => this.parts.loop.receive({ kind: 'replay', chosen }),
      allApplied: () => this.#allApplied(),
    });
    if (this.#isHalted) return;
    refuseStranger(identity, isJoining, core);
    const damage = damageOf(boot, isAlone(core));
    if (damage !== undefined) {
      observer.report('error', 'log-damaged', { reason: damage });
      this.life.become('read-only', damage);
      return;
    }
    this.#takesPart = true;
    this.parts.book.look();
    this.parts.ticking.start();
    this.#tick();
  }

  /** A machine or group.json may hold it back. */
  async #allApplied(): Promise<void> {
    while (this.appliedInstance < this.parts.core.learner.chosenTo && !this.#isHalted) await this.#released.promise;
  }

  /** It is level with its group: from here on it serves. */
  async #run(): Promise<void> {
    await this.parts.doubts.settle();
    this.life.become('running', '');
  }

  #tick(): void {
    this.parts.reads.tick();
    this.parts.loop.receive({ kind: 'tick' });
    if (this.#isHalted) return;
    this.parts.impasse.look();
    this.parts.marks.tick();
    this.parts.doubts.settle().catch((error: unknown) => this.#fail(error));
    if (this.#isTailFull()) this.life.settle();
  }

  #onPerformed(): void {
    const { storage, standing, transfer, core, book } = this.parts;
    storage.flush();
    if (this.#behindAt !== undefined && core.learner.chosenTo > this.#behindAt) {
      this.#behindAt = undefined;
      this.life.resume('behind');
    }
    standing.look();
    transfer.look();
    book.look();
  }

  #onMessage(from: Peer, message: PaxosMessage): void {
    if (!this.#takesPart || this.#isTooMuch(message)) return;
    // Before it makes this replica a leader that stamps. Whoever only claims a voter's number has no say.
    if (isVoter(this.parts.core, from)) this.parts.clocks.heard(from.replica, message);
    this.parts.loop.receive({ kind: 'message', from, message });
    this.parts.standing.heard(from.replica, message);
  }

  /** What the disk has no chance to keep up with is dropped like a lost message: it is said again. */
  #isTooMuch({ kind }: PaxosMessage): boolean {
    const { storage, limits } = this.parts;
    const bringsValues = kind === 'accept' || kind === 'learned';
    const hasRoom = !bringsValues || storage.outstandingBytes < limits.unsyncedBytesMax;
    if (hasRoom && storage.waitingCount < limits.unsyncedAnswersMax) return false;
    this.#options.observer.count('messages_dropped_by_disk_total');
    return true;
  }

  /** Lets in what waits, first, so that the disk has work; then applies what is chosen. */
  #drain(): void {
    if (this.#isDraining || this.#isHalted) return;
    this.#isDraining = true;
    try {
      this.parts.admission.proposeWaiting();
      const before = this.appliedInstance;
      this.parts.applier.apply();
      this.#announce(before);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isDraining = false;
    }
    if (this.life.state.name === 'stopped' && this.parts.proposals.isIdle) this.#drained.resolve();
  }

  #announce(before: number): void {
    const { appliedInstance } = this;
    if (appliedInstance === before) return;
    this.parts.gate.advance(appliedInstance);
    for (const listener of this.#listeners) listener(appliedInstance);
    this.parts.standing.look();
  }

  /** A tail that is full keeps a replica from applying, never from voting; what a leader let in is applied. */
  #mayApply(): boolean {
    if (this.#isHalted || this.life.state.name === 'excluded') return false;
    return !this.#takesPart || this.parts.standing.isLevelLeader || !this.#isTailFull();
  }

  #isTailFull(): boolean {
    return this.#options.pressure() >= 1;
  }

  #onApplied(instance: number, value: Uint8Array, outcomes: readonly unknown[]): void {
    const { proposals, change, marks } = this.parts;
    proposals.applied(instance, value, outcomes);
    change.applied(instance, value);
    if (this.#takesPart) marks.applied(instance);
  }

  #onMachineMissing(instance: number, machineId: number): void {
    const reason = `Instance ${instance} is for state machine ${machineId}, which is not registered.`;
    this.#options.observer.report('error', 'machine-missing', { instance, machineId });
    this.life.interrupt('machine-missing', reason);
  }

  #onReleased(): void {
    if (this.#isHalted) return;
    this.life.resume('machine-missing');
    this.#announce(this.parts.gate.reached);
    this.#drain();
    this.#released.resolve();
    this.#released = Promise.withResolvers<void>();
  }

  #onOfficeLost(): void {
    const error = noLeader('This replica lost the leadership.', this.parts.standing.leader);
    this.parts.proposals.refuseWaiting(error);
    this.parts.reads.fail(error);
  }

  #onBehind(minChosenInstance: number): void {
    const maxChosenInstance = this.parts.core.learner.chosenTo;
    if (this.#behindAt === maxChosenInstance) return;
    this.#behindAt = maxChosenInstance;
    this.#options.observer.report('warn', 'behind', { maxChosenInstance, minChosenInstance });
    const lacks = `This replica lacks instance ${maxChosenInstance + 1}; the logs of the others begin at ${minChosenInstance}.`;
    this.life.interrupt('behind', `${lacks} It needs a snapshot.`);
  }

  #onExcluded(exclusion: Exclusion): void {
    const reason = describeExclusion(exclusion);
    this.#options.observer.report('error', 'replica-excluded', { kind: exclusion.kind, reason });
    this.life.exclude(exclusion.kind === 'diverged' ? 'diverged' : 'not-a-member', reason);
    this.parts.ticking.stop();
    this.#answerAll('The replica was excluded from its group');
  }

  /** Something broke that the next instance must not be built on: nothing more is done, and all data is kept. */
  #fail(error: unknown): void {
    if (this.#isHalted) return;
    const reason = error instanceof Error ? error.message : String(error);
    const isBooting = this.life.fail(reason, error);
    this.#halt();
    this.#options.observer.report('error', 'replica-failed', { reason });
    if (!isBooting) this.#options.onFatal(error);
  }

  /** Revokes what is on its way and answers everybody who waits. */
  #halt(): void {
    const { loop, storage, readable, admission, sweep, ticking } = this.parts;
    this.#isHalted = true;
    this.#takesPart = false;
    loop.stop();
    storage.revoke();
    sweep.stop();
    admission.stop();
    ticking.stop();
    readable.fail(this.refusal());
    this.#answerAll('The replica stopped');
    this.#drained.resolve();
    this.#released.resolve();
  }

  /** Nothing is learned any more. */
  #answerAll(why: string): void {
    const { proposals, reads, gate, change, transfer } = this.parts;
    const refusal = this.refusal();
    proposals.refuseWaiting(refusal);
    proposals.abandonInFlight(why);
    reads.fail(refusal);
    gate.fail(refusal);
    change.abandon(why);
    transfer.fail(refusal);
  }
}
