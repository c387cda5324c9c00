import type { SeededRandom } from '../seeded-random.ts';
import type { Coverage } from './coverage.ts';
import type { Dials } from './dials.ts';
import type { FaultAtlas } from './fault-atlas.ts';
import { damagingKinds, type FaultKind } from './fault-kinds.ts';
import { type Scheduler, world } from './scheduler.ts';

/**
 * Where every fault is decided. Each kind draws from a stream of its own, so that switching one off leaves the draws of
 * the others alone.
 */
export class Fate {
  /** May be replaced at any time: rates hold from the next draw on. */
  dials: Dials;
  readonly coverage: Coverage;
  readonly atlas: FaultAtlas;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #streams = new Map<string, SeededRandom>();
  #sheltered: ReadonlySet<string> = new Set();

  constructor(options: {
    readonly scheduler: Scheduler;
    readonly random: SeededRandom;
    readonly dials: Dials;
    readonly coverage: Coverage;
    readonly atlas: FaultAtlas;
  }) {
    this.#scheduler = options.scheduler;
    this.#random = options.random;
    this.dials = options.dials;
    this.coverage = options.coverage;
    this.atlas = options.atlas;
  }

  /** These machines, and the paths between two of them, are struck by nothing any more. */
  shelter(machines: Iterable<string>): void {
    this.#sheltered = new Set(machines);
  }

  isSheltered(machine: string, other = machine): boolean {
    return this.#sheltered.has(machine) && this.#sheltered.has(other);
  }

  /** Whether a fault of this kind strikes a machine, or the path from it to another, now. Counted and traced if so. */
  strikes(kind: FaultKind, machine: string, other = machine): boolean {
    const rate = this.dials.faults[kind];
    if (rate === 0 || !this.stream(kind).chance(rate) || this.isSheltered(machine, other)) return false;
    return this.allows(kind, machine, other);
  }

  /** For a fault that somebody else decided on: whether it may strike. Counted and traced if so. */
  allows(kind: FaultKind, machine: string, other = machine): boolean {
    if (this.isSheltered(machine, other)) return false;
    if (damagingKinds.has(kind) && !this.atlas.claim(machine)) return false;
    this.coverage.reached(kind);
    this.#scheduler.note(world, kind, other === machine ? machine : `${machine} > ${other}`);
    return true;
  }

  /** The stream of draws that belongs to a kind: for where and how much. */
  stream(name: string): SeededRandom {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = this.#random.fork(name);
      this.#streams.set(name, stream);
    }
    return stream;
  }
}
