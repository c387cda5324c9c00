import { assert } from '../base/assert.ts';
import type { Fingerprint, StateMachine } from '../statemachine/state-machine.ts';

/** Each machine's fingerprint after every instance from its durable checkpoint on, for comparison with the replay. */
export class LiveFingerprints {
  readonly #kept = new Map<number, { firstInstance: number; list: Fingerprint[] }>();

  /** A machine stands at its checkpoint. */
  begin(machine: StateMachine): void {
    this.#kept.set(machine.id, {
      firstInstance: machine.checkpointInstance(),
      list: [machine.checkpointFingerprint()],
    });
  }

  add(machineId: number, instance: number, fingerprint: Fingerprint): void {
    const kept = this.#kept.get(machineId);
    assert(kept !== undefined, 'a machine that executes began at its checkpoint');
    assert(instance === kept.firstInstance + kept.list.length, 'fingerprints have no gaps');
    kept.list.push(fingerprint);
  }

  of(machineId: number, instance: number): Fingerprint | undefined {
    const kept = this.#kept.get(machineId);
    return kept?.list[instance - kept.firstInstance];
  }

  /** Forgets what lies below `instance`; its own stays, as the one that a replay starts from. */
  forgetBelow(instance: number): void {
    for (const kept of this.#kept.values()) {
      const count = Math.min(instance - kept.firstInstance, kept.list.length - 1);
      if (count <= 0) continue;
      kept.list.splice(0, count);
      kept.firstInstance += count;
    }
  }
}
