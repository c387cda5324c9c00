import { LoggosError } from '../base/errors.ts';
import { encodeChosenValue, type Membership } from '../paxos/chosen-value.ts';
import type { CoreInput, CoreState } from '../paxos/core.ts';
import { pipelineWindow } from '../paxos/membership.ts';
import { membershipRefusal } from '../paxos/membership-change.ts';
import { noLeader } from './life.ts';
import { isSame, outcomeUnknown } from './proposals.ts';

interface Change {
  /** Where it was proposed. */
  readonly instance: number;
  readonly value: Uint8Array;
  readonly deadline: number;
  readonly done: PromiseWithResolvers<void>;
  /** It was chosen, and rules once this is applied. */
  rulesAfter: number | undefined;
}

/** The membership change that this replica proposed and somebody waits for: one at a time. */
export class MembershipChange {
  readonly #core: CoreState;
  readonly #receive: (input: CoreInput) => void;
  #change: Change | undefined;

  constructor(core: CoreState, receive: (input: CoreInput) => void) {
    this.#core = core;
    this.#receive = receive;
  }

  get isIdle(): boolean {
    return this.#change === undefined;
  }

  /**
   * Proposes it, at a leader, and resolves when it rules.
   * @throws LoggosError what `membershipRefusal` answers, or `no-leader`: surely not done; `outcome-unknown`: perhaps
   */
  propose(membership: Membership, deadline: number): Promise<void> {
    const refusal = this.#refusalOf(membership);
    if (refusal !== undefined) return Promise.reject(refusal);
    const done = Promise.withResolvers<void>();
    const instance = this.#core.leader.nextInstance;
    const value = encodeChosenValue({ kind: 'membership', membership });
    this.#change = { instance, value, deadline, done, rulesAfter: undefined };
    this.#receive({ kind: 'change-membership', membership });
    return done.promise;
  }

  /** An instance was applied. */
  applied(instance: number, value: Uint8Array): void {
    const change = this.#change;
    if (change === undefined) return;
    if (instance === change.instance) {
      if (isSame(value, change.value)) change.rulesAfter = instance + pipelineWindow - 1;
      else this.#end(noLeader('Another leader took over before the change was chosen.', undefined));
    }
    if (change.rulesAfter !== undefined && instance >= change.rulesAfter) this.#end(undefined);
  }

  expire(now: number): void {
    if (this.#change !== undefined && this.#change.deadline <= now) this.abandon('The deadline passed');
  }

  /** It may be chosen or not. */
  abandon(why: string): void {
    if (this.#change !== undefined) this.#end(outcomeUnknown(why));
  }

  #refusalOf(membership: Membership): LoggosError | undefined {
    if (this.#change !== undefined) return new LoggosError('membership-changing', 'Another change is under way.');
    return membershipRefusal(this.#core, membership);
  }

  #end(error: LoggosError | undefined): void {
    const change = this.#change;
    this.#change = undefined;
    if (error === undefined) change?.done.resolve();
    else change?.done.reject(error);
  }
}
