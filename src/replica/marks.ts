import type { Observer } from '../base/observer.ts';
import { digestInterval } from '../checkpoint/replayer.ts';
import type { CoreInput } from '../paxos/core.ts';
import type { Machines } from '../statemachine/machines.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import type { Applier } from './applier.ts';

/** Fingerprints are compared with those of the others after every instance that this divides. */
const markInterval = 16;
/** And after the newest one, again and again, as long as nothing is applied; in ticks. One that restarts hears it too. */
const idleTicks = 20;
/** How often the newest digest is told again: messages may be lost, and others have it later. */
const digestAgainTicks = 10 * idleTicks;

/**
 * Tells the core what the machines became, so that a replica that differs is found out (E5), also in a quiet group: the
 * fingerprints of what was executed, and the digests that checkpoints record, which cover what was stored of it too.
 */
export class Marks {
  readonly #machines: Machines;
  readonly #applier: Applier;
  readonly #receive: (input: CoreInput) => void;
  readonly #observer: Observer;
  /** By machine: up to where its digests were told. */
  readonly #digestTold = new Map<number, number>();
  #seenInstance = 0;
  #ticks = 0;

  constructor(machines: Machines, applier: Applier, observer: Observer, receive: (input: CoreInput) => void) {
    this.#machines = machines;
    this.#applier = applier;
    this.#observer = observer;
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
    if (this.#ticks % digestAgainTicks === 0) this.#digestTold.clear();
    for (const machine of this.#machines.all) this.#markDigest(machine);
  }

  #markDigest(machine: StateMachine): void {
    const machineId = machine.id;
    const instance = machine.checkpointInstance() - (machine.checkpointInstance() % digestInterval);
    if (instance === 0 || this.#digestTold.get(machineId) === instance) return;
    this.#digestTold.set(machineId, instance);
    machine.checkpointDigest?.(instance).then(
      (fingerprint) => {
        if (fingerprint === undefined) return;
        this.#receive({ kind: 'mark', mark: { machineId, of: 'digest', instance, fingerprint } });
      },
      // Whoever reads the checkpoint for a client, and the scrubber, find out what is wrong with it.
      (error: unknown) => this.#observer.report('warn', 'digest-unread', { instance, error: String(error) }),
    );
  }

  #mark(instance: number): void {
    for (const { id: machineId } of this.#machines.all) {
      const fingerprint = this.#applier.fingerprints.of(machineId, instance);
      if (fingerprint !== undefined)
        this.#receive({ kind: 'mark', mark: { machineId, of: 'execution', instance, fingerprint } });
    }
  }
}
