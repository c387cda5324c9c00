import { AcceptorWords, type FoundOnDisk } from './acceptor-words.ts';
import { Agreement, type AppliedState } from './agreement.ts';
import { ChosenValues, type VotersAt } from './chosen-values.ts';
import type { NoticedBallot } from './noticed-ballot.ts';

export interface StepCheckOptions {
  readonly votersAt: VotersAt;
  /** What is below it was chosen before the run began; 1 where nothing was. */
  readonly firstInstance: number;
  /** Far above what a run makes: more is a broken invariant. */
  readonly instancesMax: number;
}

/**
 * What must hold at every step. The world tells what replicas say and do, in the order in which it happens; each notice
 * throws a `Violation` where it cannot be. Values are compared by their hashes, which the world makes.
 */
export class StepChecks {
  readonly #words: AcceptorWords;
  readonly #values: ChosenValues;
  readonly #agreement: Agreement;

  constructor(options: StepCheckOptions) {
    const values = new ChosenValues(options);
    this.#values = values;
    this.#words = new AcceptorWords((instance) => values.chosenAt(instance));
    this.#agreement = new Agreement(options.instancesMax);
  }

  /** A leader sends an accept. */
  onProposed(instance: number, ballot: NoticedBallot, valueHash: string): void {
    this.#values.onProposed(instance, ballot, valueHash);
  }

  /** A promise leaves an acceptor, to its own leader too. A refusal that names the promise is such a word as well. */
  onPromised(replica: number, incarnation: string, ballot: NoticedBallot): void {
    this.#words.onPromised(this.#words.acceptor(replica, incarnation), ballot);
  }

  /** An accept leaves an acceptor, to its own leader too: a vote for what was proposed at that ballot. */
  onAccepted(replica: number, incarnation: string, instance: number, ballot: NoticedBallot): void {
    const acceptor = this.#words.acceptor(replica, incarnation);
    const valueHash = this.#values.onAccepted(acceptor, instance, ballot);
    this.#words.onAccepted(acceptor, instance, ballot, valueHash);
  }

  /** A replica takes a value for chosen, however it learned of it. */
  onChosen(replica: number, instance: number, valueHash: string): void {
    this.#values.onChosen(replica, instance, valueHash);
  }

  /** A replica has read its disk and is about to take part. */
  onBoot(replica: number, incarnation: string, found: FoundOnDisk): void {
    this.#words.onBoot(this.#words.acceptor(replica, incarnation), found);
  }

  /** The disk was rolled back, or cloned: from now on nothing is concluded from what this incarnation says. */
  onDiskReplaced(replica: number, incarnation: string): void {
    this.#words.acceptor(replica, incarnation).isDoubtful = true;
  }

  /** A replica begins, after a start or an install, with what its checkpoint covers. */
  onStarted(replica: number, appliedInstance: number): void {
    this.#agreement.onStarted(replica, appliedInstance);
  }

  /** @returns whether nobody applied this instance before: then its events go into the `ChosenHistory` */
  onApplied(replica: number, instance: number, state: AppliedState): boolean {
    if (state.valueHash !== undefined) this.#values.onChosen(replica, instance, state.valueHash);
    return this.#agreement.onApplied(replica, instance, state);
  }

  onDigest(replica: number, instance: number, digest: string): void {
    this.#agreement.onDigest(replica, instance, digest);
  }

  onAcknowledged(replica: number, instance: number, position: number): void {
    this.#agreement.onAcknowledged(replica, instance, position);
  }

  checkCaughtUp(replica: number): void {
    this.#agreement.checkCaughtUp(replica);
  }
}
