import { assert } from '../../base/assert.ts';
import { SeededRandom } from '../seeded-random.ts';
import { Coverage } from './coverage.ts';
import { type Dials, quietDials } from './dials.ts';
import { Fate } from './fate.ts';
import { type AtlasMode, FaultAtlas } from './fault-atlas.ts';
import { Machine } from './machine.ts';
import { type RunEnd, type RunOptions, Scheduler } from './scheduler.ts';
import { SimulatedNetwork } from './simulated-network.ts';

export interface MachineRoomOptions {
  readonly seed: number | string;
  /** Default: no faults. `drawDials(new SeededRandom(seed))` draws a swarm. */
  readonly dials?: Dials;
  /** Default: `good-copy`. */
  readonly atlas?: AtlasMode;
  /** How many of the last lines `trace()` has. */
  readonly traceLines?: number;
  /** What a connection buffers before it refuses. */
  readonly bufferBytesMax?: number;
}

/** The whole world of one run: machines, what is between them, time and chance. Nothing else has a say in it. */
export class MachineRoom<Running> {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly coverage = new Coverage();
  readonly atlas: FaultAtlas;
  readonly fate: Fate;
  readonly network: SimulatedNetwork;
  readonly #machines = new Map<string, Machine<Running>>();
  readonly #inOrder: Machine<Running>[] = [];

  constructor(options: MachineRoomOptions) {
    this.random = new SeededRandom(options.seed);
    this.scheduler = new Scheduler({ traceLines: options.traceLines ?? 200 });
    this.atlas = new FaultAtlas(options.atlas ?? 'good-copy');
    this.fate = new Fate({
      scheduler: this.scheduler,
      random: this.random.fork('fate'),
      dials: options.dials ?? quietDials,
      coverage: this.coverage,
      atlas: this.atlas,
    });
    this.network = new SimulatedNetwork(this.scheduler, this.fate, {
      bufferBytesMax: options.bufferBytesMax ?? 4 * 1024 * 1024,
    });
  }

  /** A new machine with an empty disk. The atlas counts all machines as voters until `atlas.setVoters` says otherwise. */
  addMachine(name: string): Machine<Running> {
    assert(!this.#machines.has(name), 'machines have different names', { name });
    const machine = new Machine<Running>({
      name,
      scheduler: this.scheduler,
      fate: this.fate,
      network: this.network,
      random: this.random.fork(`machine ${name}`),
    });
    this.#machines.set(name, machine);
    this.#inOrder.push(machine);
    this.atlas.setVoters([...this.#machines.keys()]);
    return machine;
  }

  machine(name: string): Machine<Running> {
    const machine = this.#machines.get(name);
    assert(machine !== undefined, 'a machine that is named is in the room', { name });
    return machine;
  }

  get machines(): readonly Machine<Running>[] {
    return this.#inOrder;
  }

  /** @see Scheduler.run */
  run(options: RunOptions = {}): Promise<RunEnd> {
    return this.scheduler.run(options);
  }

  /** Lets a promise of the code under test settle: runs events until it has. Throws where it does not in time. */
  async settled<Value>(promise: Promise<Value>, withinMs = 60_000): Promise<Value> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    const end = await this.run({ untilMs: this.scheduler.nowMs + withinMs, until: () => isSettled });
    assert(isSettled, 'what is waited for happens in time', { end, withinMs });
    return promise;
  }
}
