import { LoggosError } from '../base/errors.ts';

/**
 * `starting`: neither leading nor level with a leader yet. `machine-missing`: a chosen value is for a machine that is not
 * registered; `register` lets it go on. `read-only`: its log is damaged; what was good is served, writes are refused.
 * `behind`: nobody's log has what it lacks; it still votes, and goes on where it gets it after all. `excluded`: it takes
 * no part in its group any more. In both nothing is served, and all data is kept.
 */
export type ReplicaStateName =
  | 'starting'
  | 'running'
  | 'machine-missing'
  | 'read-only'
  | 'behind'
  | 'excluded'
  | 'stopped';

export interface ReplicaState {
  readonly name: ReplicaStateName;
  /** A sentence for people; empty while all is well. */
  readonly reason: string;
}

/** What passes again. */
type Interruption = 'machine-missing' | 'behind';

/** What a replica is at, for people and for whoever asks it for something. */
export class Life {
  readonly #settled = Promise.withResolvers<void>();
  #isSettled = false;
  readonly #interruptions = new Map<Interruption, string>();
  #base: ReplicaState = { name: 'starting', reason: '' };
  #exclusion: LoggosError | undefined;

  get state(): ReplicaState {
    if (this.isOver) return this.#base;
    const [first] = this.#interruptions;
    return first === undefined ? this.#base : { name: first[0], reason: first[1] };
  }

  get isOver(): boolean {
    return this.#base.name === 'stopped' || this.#base.name === 'excluded';
  }

  /** Resolves with the first state after `starting`, or with `settle`. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  become(name: Exclude<ReplicaStateName, 'starting' | Interruption>, reason: string): void {
    if (this.#base.name === 'stopped' || (this.isOver && name !== 'stopped')) return;
    // It may win an office once more, which does not mend its log.
    if (this.#base.name === 'read-only' && name === 'running') return;
    this.#base = { name, reason };
    this.settle();
  }

  /** It takes no part any more. @param code - what everybody is refused with from now on */
  exclude(code: 'diverged' | 'not-a-member', reason: string): void {
    if (this.isOver) return;
    this.#exclusion = new LoggosError(code, reason);
    this.become('excluded', reason);
  }

  /** Why nothing of what it has is served to anybody; undefined: it may be. */
  get exclusion(): LoggosError | undefined {
    return this.#exclusion;
  }

  interrupt(name: Interruption, reason: string): void {
    this.#interruptions.set(name, reason);
    this.settle();
  }

  resume(name: Interruption): void {
    this.#interruptions.delete(name);
  }

  /** Whoever waits for the boot need wait no longer. */
  settle(): void {
    this.#isSettled = true;
    this.#settled.resolve();
  }

  /** It broke. @returns whether somebody still waits for the boot, which fails with the error: nobody else need be told */
  fail(reason: string, error: unknown): boolean {
    const isBooting = !this.#isSettled;
    this.#base = { name: 'stopped', reason };
    this.#isSettled = true;
    this.#settled.reject(error);
    return isBooting;
  }

  /** Why nothing is done for anybody; `leader`: who might, where it is known; `impasse`: why nobody does, or empty. */
  refusal(leader: number | undefined, impasse: string): LoggosError {
    const { name, reason } = this.state;
    if (name === 'read-only') return new LoggosError('log-damaged', reason);
    if (name === 'excluded' && this.#exclusion !== undefined) return this.#exclusion;
    if (name === 'running' || name === 'starting')
      return noLeader(impasse === '' ? 'This replica does not lead.' : impasse, leader);
    return new LoggosError('stopped', reason);
  }
}

/** Surely not done: ask the leader, whose replica id is `leader` where it is known. */
export function noLeader(message: string, leader: number | undefined): LoggosError {
  return new LoggosError('no-leader', message, leader === undefined ? {} : { leader });
}
