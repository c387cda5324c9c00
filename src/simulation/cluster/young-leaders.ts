import type { SeededRandom } from '../seeded-random.ts';
import type { MachineRoom } from '../world/machine-room.ts';
import { world } from '../world/scheduler.ts';
import type { SimulatedReplica } from './simulated-replica.ts';

/** How long a leader has been in office when it is struck, on average. */
const officeMs = 20;
const aloneMs = 1_500;

/**
 * In some runs leaders come to grief in their first moments, with values on their way that few have heard of: what the
 * next ones find in phase 1 is then of several ballots.
 */
export class YoungLeaders {
  readonly #room: MachineRoom<SimulatedReplica>;
  readonly #random: SeededRandom;
  readonly #chance: number;
  readonly #lifts = new Set<() => void>();
  #isOver = false;

  constructor(room: MachineRoom<SimulatedReplica>, random: SeededRandom) {
    this.#room = room;
    this.#random = random;
    this.#chance = random.chance(0.4) ? 0.2 + random.float() * 0.5 : 0;
  }

  onOffice(place: number): void {
    const { machines, scheduler } = this.#room;
    const machine = machines[place - 1];
    if (machine === undefined || !this.#random.chance(this.#chance)) return;
    const strike = this.#random.pick(['kill', 'alone', 'unheard'] as const);
    const { lives } = machine;
    scheduler.after(world, this.#random.exponential(officeMs), 'young leader', machine.name, () => {
      const isSpared = this.#isOver || machine.lives !== lives || this.#room.fate.isSheltered(machine.name);
      if (isSpared || machine.processes.length === 0) return;
      this.#room.coverage.reached(`young leader: ${strike}`);
      if (strike === 'kill') machine.kill();
      else this.#isolate(machine.name, strike === 'alone');
    });
  }

  /** Nothing strikes any more, and nothing lasts. */
  end(): void {
    this.#isOver = true;
    for (const lift of [...this.#lifts]) lift();
  }

  /** Nobody hears it; and where it is alone, it hears nobody. */
  #isolate(name: string, isAlone: boolean): void {
    const { machines, network, scheduler } = this.#room;
    const others = machines.map((machine) => machine.name).filter((other) => other !== name);
    const out = others.map((other): [string, string] => [name, other]);
    const back = others.map((other): [string, string] => [other, name]);
    const mend = network.cut(isAlone ? [...out, ...back] : out);
    const lift = () => {
      if (this.#lifts.delete(lift)) mend();
    };
    this.#lifts.add(lift);
    scheduler.after(world, this.#random.exponential(aloneMs), 'young leader', `heard again ${name}`, lift);
  }
}
