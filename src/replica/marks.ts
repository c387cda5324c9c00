import type { CoreInput } from '../paxos/core.ts';
import type { Machines } from '../statemachine/machines.ts';
import type { Applier } from './applier.ts';

/** Fingerprints are compared with those of the others after every instance that this divides. */
const markInterval = 16;
/** And after the newest one, again and again, as long as nothing is applied; in ticks. One that restarts hears it too. */
const idleTicks = 20;

/** Tells the core what the machines became, so that a replica that differs is found out (E5), also in a quiet group. */
export class Marks {
  readonly #machines: Machines;
  readonly #applier: Applier;
  readonly #receive: (input: CoreInput) => void;
  #seenInstance = 0;
  #ticks = 0;

  constructor(machines: Machines, applier: Applier, receive: (input: CoreInput) => void) {
    this.#machines = machines;
    this.#applier = applier;
    this.#receive = receive;
  }

  applied(instance: number): void {
    if (instance % markInterval === 0) this.#mark(instance);
  }

  tick(): void {
    this.#ticks++;
    if (this.#ticks % idleTicks !== 0) return;
    const { appliedInstance } = this.#applier;
    if (appliedInstance > 0 && appliedInstance === this.#seenInstance) this.#mark(appliedInstance);
    this.#seenInstance = appliedInstance;
  }

  #mark(instance: number): void {
    for (const { id: machineId } of this.#machines.all) {
      const fingerprint = this.#applier.fingerprints.of(machineId, instance);
      if (fingerprint !== undefined) this.#receive({ kind: 'mark', mark: { machineId, instance, fingerprint } });
    }
  }
}
