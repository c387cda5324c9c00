import type { SeededRandom } from '../seeded-random.ts';
import type { Machine } from '../world/machine.ts';
import type { MachineRoom } from '../world/machine-room.ts';
import { world } from '../world/scheduler.ts';
import type { SimulatedReplica } from './simulated-replica.ts';

/** How long a leader has been in office when it falls asleep, on average; and what it was sent before that is held. */
const officeMs = 400;
const heldMs = 30;
/** How long its successor works before it wakes, on average; and without one. */
const successorMs = 300;
const asleepMsMax = 5_000;
/** How long after it woke what was held arrives, on average. */
const lateMs = 5;

interface Zombie {
  readonly place: number;
  readonly wake: () => void;
  readonly end: () => void;
}

/**
 * In some runs a leader falls asleep, and what the others said to it before is held up. It wakes when another leads and
 * has written, is asked to read, and only then hears what was said to it long ago: none of it says that it still leads
 * (B4, C1).
 */
export class ZombieLeaders {
  readonly #room: MachineRoom<SimulatedReplica>;
  readonly #random: SeededRandom;
  readonly #chance: number;
  readonly #readAt: (place: number) => void;
  #zombie: Zombie | undefined;
  #isOver = false;

  /** @param readAt - asks a replica to read, whatever is believed of it */
  constructor(room: MachineRoom<SimulatedReplica>, random: SeededRandom, readAt: (place: number) => void) {
    this.#room = room;
    this.#random = random;
    this.#chance = random.chance(0.3) ? 0.2 + random.float() * 0.6 : 0;
    this.#readAt = readAt;
  }

  onOffice(place: number): void {
    if (this.#zombie !== undefined && this.#zombie.place !== place) this.#zombie.wake();
    const machine = this.#room.machines[place - 1];
    if (machine === undefined || !this.#random.chance(this.#chance)) return;
    const { lives } = machine;
    this.#after(officeMs, `falls asleep ${machine.name}`, () => {
      const isSpared = this.#isOver || machine.lives !== lives || this.#room.fate.isSheltered(machine.name);
      if (!isSpared && this.#zombie === undefined && machine.running?.replica.isLeader === true) {
        this.#putToSleep(place, machine);
      }
    });
  }

  /** Nothing strikes any more, and nothing lasts. */
  end(): void {
    this.#isOver = true;
    this.#zombie?.end();
  }

  #putToSleep(place: number, machine: Machine<SimulatedReplica>): void {
    const { machines, network, coverage } = this.#room;
    const others = machines.map(({ name }) => name).filter((name) => name !== machine.name);
    const deliver = network.cut(others.map((other): [string, string] => [other, machine.name]));
    const end = () => {
      if (this.#zombie !== zombie) return;
      this.#zombie = undefined;
      machine.resume();
      deliver();
    };
    let isWaking = false;
    const wake = () => {
      if (isWaking) return;
      isWaking = true;
      this.#after(successorMs, `wakes ${machine.name}`, () => {
        if (this.#zombie !== zombie) return;
        coverage.reached('a leader wakes after its successor began');
        machine.resume();
        this.#readAt(place);
        this.#after(lateMs, `hears again ${machine.name}`, end);
      });
    };
    const zombie: Zombie = { place, wake, end };
    this.#zombie = zombie;
    this.#after(heldMs, `asleep ${machine.name}`, () => {
      if (this.#zombie === zombie) machine.pause();
    });
    this.#room.scheduler.after(world, asleepMsMax, 'zombie leader', `ends ${machine.name}`, end);
  }

  #after(meanMs: number, what: string, action: () => void): void {
    this.#room.scheduler.after(world, this.#random.exponential(meanMs), 'zombie leader', what, action);
  }
}
