import { assert } from '../../base/assert.ts';
import { Violation } from './violation.ts';

/** What a replica is after an instance. */
export interface AppliedState {
  /** Undefined: not told, as at a start that applies what its log proves. */
  readonly valueHash: string | undefined;
  readonly fingerprint: string;
  readonly chain: string;
  /** The last position. */
  readonly position: number;
}

interface KnownState extends AppliedState {
  readonly replica: number;
}

/**
 * Replicas that applied the same instances are the same; each applies in order, without gaps; an answer comes after
 * its instance was applied by who gives it; and what was acknowledged is there when all is well again.
 */
export class Agreement {
  readonly #instancesMax: number;
  readonly #states = new Map<number, KnownState>();
  readonly #digests = new Map<number, { readonly replica: number; readonly digest: string }>();
  readonly #applied = new Map<number, number>();
  #acknowledged = { instance: 0, position: 0 };

  constructor(instancesMax: number) {
    this.#instancesMax = instancesMax;
  }

  /** A replica begins, after a start or an install, with what its checkpoint covers. */
  onStarted(replica: number, appliedInstance: number): void {
    this.#applied.set(replica, appliedInstance);
  }

  /**
   * @returns whether nobody applied this instance before
   * @throws Violation `applied-out-of-order`, `state-diverges`
   */
  onApplied(replica: number, instance: number, state: AppliedState): boolean {
    const last = this.#applied.get(replica) ?? 0;
    if (instance !== last + 1) {
      throw new Violation('applied-out-of-order', `replica ${replica} applies ${instance} after ${last}`);
    }
    this.#applied.set(replica, instance);
    const known = this.#states.get(instance);
    if (known === undefined) {
      assert(this.#states.size < this.#instancesMax, 'a run has fewer instances than the limit');
      this.#states.set(instance, { replica, ...state });
      return true;
    }
    const isSame =
      known.fingerprint === state.fingerprint && known.chain === state.chain && known.position === state.position;
    if (isSame) return false;
    const detail = `at instance ${instance} replica ${replica} has ${JSON.stringify(state)}, not ${JSON.stringify(known)}`;
    throw new Violation('state-diverges', detail);
  }

  /** Of the documents of a checkpoint or a snapshot. @throws Violation `digest-diverges` */
  onDigest(replica: number, instance: number, digest: string): void {
    const known = this.#digests.get(instance);
    if (known === undefined) {
      assert(this.#digests.size < this.#instancesMax, 'a run has fewer instances than the limit');
      this.#digests.set(instance, { replica, digest });
    } else if (known.digest !== digest) {
      const detail = `at instance ${instance} replica ${replica} has ${digest}, replica ${known.replica} ${known.digest}`;
      throw new Violation('digest-diverges', detail);
    }
  }

  /** A replica tells a client that its write is done, there. @throws Violation `acknowledged-before-applied` */
  onAcknowledged(replica: number, instance: number, position: number): void {
    const applied = this.#applied.get(replica) ?? 0;
    const state = this.#states.get(instance);
    if (instance > applied || position > (state?.position ?? position)) {
      const detail = `replica ${replica} acknowledges position ${position} of instance ${instance}, and has applied ${applied}`;
      throw new Violation('acknowledged-before-applied', detail);
    }
    if (instance > this.#acknowledged.instance) this.#acknowledged = { instance, position };
  }

  /** When all is healed and quiet: this replica has all that anyone was told. @throws Violation `acknowledged-lost` */
  checkCaughtUp(replica: number): void {
    const applied = this.#applied.get(replica) ?? 0;
    const { instance, position } = this.#acknowledged;
    if (applied >= instance) return;
    const detail = `position ${position} of instance ${instance} was acknowledged, replica ${replica} ends at ${applied}`;
    throw new Violation('acknowledged-lost', detail);
  }
}
