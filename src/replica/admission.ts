/**
 * Lets proposals in: refuses what cannot be done, makes batches of what waits, and gives each to the core when its turn
 * comes.
 *
 * Back-pressure: `pressure` is the tail's bytes by their limit. From one half on, what is let in costs a pause that
 * grows smoothly without bound (pace.ts), so that the rate sinks to the Replayer's and callers feel latency; at 1 a
 * proposal is refused `busy` with the cause `replayer`.
 */
import type { Clock } from '../base/clock.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { Log } from '../log/log.ts';
import { encodeChosenValue } from '../paxos/chosen-value.ts';
import { type CoreInput, type CoreState, canPropose } from '../paxos/core.ts';
import type { Machines } from '../statemachine/machines.ts';
import type { ReplicaLimits } from './limits.ts';
import { Pace } from './pace.ts';
import { type Proposals, proposalOverheadBytes } from './proposals.ts';
import type { Storage } from './storage.ts';
import type { VoterClocks } from './voter-clocks.ts';

/** How often a batch that back-pressure holds looks again, in milliseconds. */
const pacePollMs = 5;

export interface AdmissionParts {
  readonly core: CoreState;
  readonly log: Log;
  readonly machines: Machines;
  readonly storage: Storage;
  readonly proposals: Proposals;
  readonly limits: ReplicaLimits;
  readonly clock: Clock;
  readonly clocks: VoterClocks;
  readonly observer: Observer;
  readonly pressure: () => number;
  /** The stamp of the last batch that was applied. */
  readonly appliedTime: () => number;
  readonly receive: (input: CoreInput) => void;
  /** What was held may be let in now. */
  readonly onOpen: () => void;
}

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #pace = new Pace();
  #lastTime = 0;
  #cancelPause: (() => void) | undefined;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Why a leader does not take a proposal; undefined: it does. */
  refusalOf(machineId: number, proposal: Uint8Array): LoggosError | undefined {
    const { log, machines, pressure, proposals } = this.#parts;
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
    if (proposals.bytes + proposal.length + proposalOverheadBytes > log.roomBytes) {
      return new LoggosError('no-room', 'The disk has no room for the log to grow.');
    }
    return undefined;
  }

  /** Proposes what waits, as far as disk, window and back-pressure let it. */
  proposeWaiting(): void {
    const { core, proposals, clock, observer, receive } = this.#parts;
    while (proposals.waitingCount > 0 && canPropose(core) && this.#hasDiskRoom()) {
      const now = clock.monotonic();
      if (!this.#isOpen(now)) return;
      const batch = proposals.cut();
      if (batch === undefined) return;
      const { machineId, waiters, bytes } = batch;
      const value = encodeChosenValue({
        kind: 'batch',
        machineId,
        time: this.#stamp(),
        proposals: waiters.map((waiter) => waiter.bytes),
      });
      proposals.proposed(core.leader.nextInstance, value, batch);
      observer.measure('batch_proposals', waiters.length);
      this.#pace.letIn(bytes, now);
      receive({ kind: 'propose', value });
    }
  }

  stop(): void {
    this.#cancelPause?.();
  }

  /** Whether this disk, or a quorum that is quicker, has done what was proposed before; and this disk is not too far behind. */
  #hasDiskRoom(): boolean {
    const { core, storage, limits } = this.#parts;
    const unchosenCount = core.leader.nextInstance - 1 - core.learner.chosenTo;
    const isDone = storage.outstanding < limits.appendsInFlightMax || unchosenCount < limits.appendsInFlightMax;
    return isDone && storage.outstandingBytes < limits.unsyncedBytesMax;
  }

  /** One time for a batch, in milliseconds since 1970. It never goes back. */
  #stamp(): number {
    this.#lastTime = Math.max(this.#lastTime, this.#parts.appliedTime(), this.#parts.clocks.now());
    return this.#lastTime;
  }

  /** Whether back-pressure lets a batch in now; looks again by itself where it does not. */
  #isOpen(now: number): boolean {
    if (this.#pace.isOpen(this.#parts.pressure(), now)) return true;
    this.#cancelPause ??= this.#parts.clock.after(pacePollMs, () => {
      this.#cancelPause = undefined;
      this.#parts.onOpen();
    });
    return false;
  }
}
