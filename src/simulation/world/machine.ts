import { assert } from '../../base/assert.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Fate } from './fate.ts';
import type { Scheduler } from './scheduler.ts';
import { MachineTime, SimulatedClock } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { type Hands, type ProcessEnd, SimulatedProcess } from './simulated-process.ts';

/** Makes a process run: everything that the program does, with the hands it is given. */
export type Program<Running> = (hands: Hands) => Promise<Running>;

/** A machine: its disk and its clock outlive the processes on it. */
export class Machine<Running> {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly time: MachineTime;
  readonly #scheduler: Scheduler;
  readonly #fate: Fate;
  readonly #network: SimulatedNetwork;
  readonly #random: SeededRandom;
  #program: Program<Running> | undefined;
  #processes: SimulatedProcess<Running>[] = [];
  /** Processes that were started here so far. */
  lives = 0;
  readonly #onEnd: ((process: SimulatedProcess<Running>, end: ProcessEnd) => void)[] = [];

  constructor(options: {
    readonly name: string;
    readonly scheduler: Scheduler;
    readonly fate: Fate;
    readonly network: SimulatedNetwork;
    readonly random: SeededRandom;
  }) {
    this.name = options.name;
    this.#scheduler = options.scheduler;
    this.#fate = options.fate;
    this.#network = options.network;
    this.#random = options.random;
    this.disk = new SimulatedDisk(options.name, options.scheduler, options.fate);
    this.time = this.#drawTime();
  }

  /** Processes that live: none, one, or two after a double start. */
  get processes(): readonly SimulatedProcess<Running>[] {
    return this.#processes;
  }

  /** The first of them. */
  get process(): SimulatedProcess<Running> | undefined {
    return this.#processes[0];
  }

  /** What runs here, once its start is done. */
  get running(): Running | undefined {
    return this.process?.running;
  }

  /**
   * Starts a process; the first steps of the program are done by an event. Another one may live here: a double start.
   * What the program throws is a failed start, and ends the process.
   */
  start(program: Program<Running>): SimulatedProcess<Running> {
    this.#program = program;
    this.lives += 1;
    const process = new SimulatedProcess<Running>(this.name, this.lives);
    this.#processes = [...this.#processes, process];
    this.#scheduler.after(process, 0, 'start', this.lives, () => {
      program(this.#handsOf(process))
        .then(
          (running) => {
            if (process.state !== 'ended') process.running = running;
          },
          (reason) => this.#end(process, { kind: 'failed-start', reason }),
        )
        // Thrown by who listens.
        .catch((error) => this.#scheduler.fail(error));
    });
    return process;
  }

  /** Starts the same program again. */
  restart(): SimulatedProcess<Running> {
    assert(this.#program !== undefined, 'what starts again was started before', { machine: this.name });
    return this.start(this.#program);
  }

  /** Every process here ends at once, wherever it is. What was written stays, what was in flight may land. */
  kill(): void {
    for (const process of this.#processes) this.#end(process, { kind: 'kill' });
  }

  /** The machine goes off: its processes end, and what was not synced may be lost. */
  powerCut(): void {
    for (const process of this.#processes) this.#end(process, { kind: 'power-cut' });
    this.disk.cutPower();
  }

  /** Its processes do nothing until `resume`: timers and deliveries wait, and come late. */
  pause(): void {
    for (const process of this.#processes) if (process.state === 'running') process.state = 'paused';
    this.#scheduler.note(this.process ?? { name: this.name, state: 'ended' }, 'paused');
  }

  resume(): void {
    for (const process of this.#processes) {
      if (process.state !== 'paused') continue;
      process.state = 'running';
      this.#scheduler.release(process);
    }
  }

  /** Calls `listener` whenever a process here has ended, for whatever reason, in the same event. What it throws ends the run. */
  onEnd(listener: (process: SimulatedProcess<Running>, end: ProcessEnd) => void): void {
    this.#onEnd.push(listener);
  }

  #end(process: SimulatedProcess<Running>, end: ProcessEnd): void {
    if (process.state === 'ended') return;
    process.state = 'ended';
    process.end = end;
    process.running = undefined;
    this.#processes = this.#processes.filter((other) => other !== process);
    this.#scheduler.release(process);
    this.disk.endProcess(process);
    this.#network.endProcess(process, end.kind === 'power-cut' ? 'power-cut' : 'kill');
    this.#scheduler.note(process, 'ended', end.kind);
    for (const listener of this.#onEnd) listener(process, end);
  }

  /** Called by the code of the process itself, which must not catch what a listener throws. */
  #exit(process: SimulatedProcess<Running>, reason: unknown): void {
    try {
      this.#end(process, { kind: 'exit', reason });
    } catch (error) {
      this.#scheduler.fail(error);
    }
  }

  #handsOf(process: SimulatedProcess<Running>): Hands {
    return {
      machine: this.name,
      life: process.life,
      disk: this.disk.handleOf(process),
      clock: new SimulatedClock(this.#scheduler, this.time, process),
      network: this.#network.handleOf(process, this.name),
      random: this.#random.fork(`life ${process.life}`),
      exit: (reason) => this.#exit(process, reason),
    };
  }

  #drawTime(): MachineTime {
    const random = this.#random.fork('time');
    const skewMs = (random.float() - 0.5) * 2 * 3_600_000;
    const rate = 2 ** (2 * random.float() - 1);
    return new MachineTime(this.#scheduler, {
      uptimeMs: random.float() * 1_000_000,
      skewMs: this.#fate.strikes('clock-skew', this.name) ? skewMs : 0,
      rate: this.#fate.strikes('clock-drift', this.name) ? rate : 1,
    });
  }
}
