import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import type { Network } from '../../base/network.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Owner } from './scheduler.ts';

/** Everything a process has of the world. When it ends, all of it goes dead: calls never complete, nothing is sent. */
export interface Hands {
  /** The machine, which is also its address. */
  readonly machine: string;
  /** 1, 2, 3 … over the lives of processes on this machine. */
  readonly life: number;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly network: Network;
  readonly random: SeededRandom;
  /** The process ends itself, as `process.exit` would: what it wrote stays. Nothing of it runs after this event. */
  exit(reason: unknown): void;
}

/** How a process ended: the world killed it, the machine went off, it ended itself, or its start failed. */
export type ProcessEnd =
  | { readonly kind: 'kill' | 'power-cut' }
  | { readonly kind: 'exit' | 'failed-start'; readonly reason: unknown };

/** One life of a process. `Running` is what its start gives: a replica, a client, whatever it is. */
export class SimulatedProcess<Running> implements Owner {
  readonly name: string;
  readonly life: number;
  state: 'running' | 'paused' | 'ended' = 'running';
  /** From the end of its start on. */
  running: Running | undefined;
  end: ProcessEnd | undefined;

  constructor(machine: string, life: number) {
    this.name = machine;
    this.life = life;
  }

  /** It has not ended, and its start is not done. */
  get isBooting(): boolean {
    return this.state !== 'ended' && this.running === undefined;
  }
}
