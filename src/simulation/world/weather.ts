import type { SeededRandom } from '../seeded-random.ts';
import type { FaultKind } from './fault-kinds.ts';
import type { Machine } from './machine.ts';
import type { MachineRoom } from './machine-room.ts';
import { alone, betweenGroups, type Cut, onlyNeighbours, onlyNext } from './partitions.ts';
import { world } from './scheduler.ts';
import type { DiskImage } from './simulated-disk.ts';

/** What was done to the disk of a machine before it starts again. */
export type DiskChange = 'disk-lost' | 'disk-rolled-back' | 'disk-cloned';

export interface WeatherOptions<Running> {
  /** Starts a machine again. Default: the same program. `change`: its disk is not the one that it had. */
  readonly restart?: (machine: Machine<Running>, change: DiskChange | undefined) => void;
  /** Default: a disk may come back at any time, and stays. */
  readonly oldDisks?: OldDisks<Running>;
}

/** When an earlier copy of a disk may come back. No group survives every such disk; it can tell those it remembers. */
export interface OldDisks<Running> {
  /** A copy of a machine's disk was taken. */
  onCopy(machine: Machine<Running>): void;
  /** Whether all others would notice that the newest copy of the disk of `source`, in `machine`, is an old one. */
  wouldBeNoticed(machine: Machine<Running>, source: Machine<Running>): boolean;
  isNoticed(machine: Machine<Running>): boolean;
  /** Somebody takes the old disk away and gives the machine an empty one. */
  replace(machine: Machine<Running>): void;
}

/** After this mean whatever ends in calm weather starts again. */
const calmRestartMs = 100;
/** How long a crash waits for a write that it can interrupt. */
const writeWaitMs = 200;
/** How old a copy is that a disk is rolled back to, on average. */
const imageEveryMs = 3_000;
/** How often, and how long, is looked whether an old disk was noticed. */
const noticeEveryMs = 50;
const noticeWithinMs = 5_000;

/**
 * The faults that come by themselves, some a minute: crashes, pauses, partitions, clocks, rot, full and exchanged
 * disks. Whatever ends is started again a while later. What strikes single calls and frames is not here.
 */
export class Weather<Running> {
  readonly #room: MachineRoom<Running>;
  readonly #restart: (machine: Machine<Running>, change: DiskChange | undefined) => void;
  /** What `calm` has to end: cuts, pauses, full disks, machines that are off. */
  readonly #open = new Set<() => void>();
  readonly #oldDisks: OldDisks<Running> | undefined;
  /** An earlier copy of each disk, for rolling back and cloning. */
  readonly #images = new Map<string, DiskImage>();
  /** What happens to a disk while its machine is off. */
  readonly #changes = new Map<string, DiskChange>();
  #isCalm = false;

  constructor(room: MachineRoom<Running>, options: WeatherOptions<Running> = {}) {
    this.#room = room;
    this.#restart = options.restart ?? ((machine) => machine.restart());
    this.#oldDisks = options.oldDisks;
  }

  /** Faults come from now on, and machines whose process ends are started again. */
  begin(): void {
    for (const machine of this.#room.machines) {
      machine.onEnd(() => this.#restartLater(machine));
      this.#keepImages(machine);
    }
    for (const [kind, strike] of Object.entries(this.#strikes) as [FaultKind, (draw: SeededRandom) => void][])
      this.#next(kind, strike);
  }

  /** No fault comes any more, and those that last are over. Machines that are off start now. */
  calm(): void {
    this.#isCalm = true;
    for (const end of [...this.#open]) end();
    for (const { disk } of this.#room.machines) disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** What each kind does, with draws of its own. One that finds nobody to strike does nothing. */
  readonly #strikes: Partial<Record<FaultKind, (draw: SeededRandom) => void>> = {
    'one-way-cut': (draw) => this.#cut('one-way-cut', draw, (names) => pairOf(draw, names)),
    'ring-partition': (draw) => this.#cut('ring-partition', draw, (names) => ringOf(draw, names)),
    'size-partition': (draw) => this.#cut('size-partition', draw, (names) => twoGroups(draw, names)),
    isolation: (draw) => this.#cut('isolation', draw, (names) => alone(draw.pick(names), names)),
    clog: (draw) => this.#cut('clog', draw, (names) => pairOf(draw, names), 'clog-ms'),
    kill: (draw) =>
      this.#one('kill', draw, (machine) => isOn(machine) && (() => this.#crash(machine, draw, () => machine.kill()))),
    'power-cut': (draw) =>
      this.#one(
        'power-cut',
        draw,
        (machine) => isOn(machine) && (() => this.#crash(machine, draw, () => machine.powerCut())),
      ),
    'all-power-cut': () => this.#allPowerCut(),
    pause: (draw) => this.#one('pause', draw, (machine) => isAwake(machine) && (() => this.#pause(machine, draw))),
    'wall-jump': (draw) => {
      this.#one(
        'wall-jump',
        draw,
        ({ time }) =>
          () =>
            time.jumpWall((draw.float() - 0.5) * 7_200_000),
      );
    },
    'clock-stall': (draw) =>
      this.#one(
        'clock-stall',
        draw,
        ({ time }) =>
          () =>
            time.stall(draw.exponential(500)),
      ),
    'full-disk': (draw) => this.#one('full-disk', draw, (machine) => () => this.#fill(machine, draw)),
    'rest-rot': (draw) => this.#one('rest-rot', draw, ({ disk }) => disk.files().length > 0 && (() => disk.rot())),
    'disk-lost': (draw) => this.#exchange('disk-lost', draw),
    'disk-rolled-back': (draw) => this.#exchange('disk-rolled-back', draw),
    'disk-cloned': (draw) => this.#exchange('disk-cloned', draw),
  };

  /** Draws when a kind strikes next. */
  #next(kind: FaultKind, strike: (draw: SeededRandom) => void): void {
    const rate = this.#room.fate.dials.faults[kind];
    if (rate === 0) return;
    const draw = this.#room.fate.stream(`weather ${kind}`);
    const delayMs = draw.exponential(60_000 / rate);
    this.#room.scheduler.after(world, delayMs, 'weather', kind, () => {
      if (this.#isCalm) return;
      strike(draw);
      this.#next(kind, strike);
    });
  }

  /** Strikes one machine of those that can be struck: `effectOn` answers what to do to it, or that it cannot. */
  #one(kind: FaultKind, draw: SeededRandom, effectOn: (machine: Machine<Running>) => false | (() => unknown)): void {
    const able = this.#room.machines.flatMap((machine) => {
      const effect = effectOn(machine);
      return effect === false ? [] : [{ machine, effect }];
    });
    if (able.length === 0) return;
    const { machine, effect } = draw.pick(able);
    if (this.#room.fate.allows(kind, machine.name)) effect();
  }

  #cut(
    kind: FaultKind,
    draw: SeededRandom,
    cutsOf: (names: readonly string[]) => readonly Cut[],
    lasts: 'partition-ms' | 'clog-ms' = 'partition-ms',
  ): void {
    const { fate, network, machines } = this.#room;
    if (machines.length < 2) return;
    const cuts = cutsOf(machines.map(({ name }) => name)).filter(([from, to]) => !fate.isSheltered(from, to));
    const [first] = cuts;
    if (first === undefined || !fate.allows(kind, ...first)) return;
    this.#for(draw.exponential(fate.dials.shapes[lasts]), network.cut(cuts));
  }

  /** Ends something after a while, or when the weather calms down. */
  #for(durationMs: number, end: () => void, detail = 'over'): void {
    const once = () => {
      if (this.#open.delete(once)) end();
    };
    this.#open.add(once);
    this.#room.scheduler.after(world, durationMs, 'weather', detail, once);
  }

  /** Now, or in the middle of the next write; a machine that does not write is not waited for long. */
  #crash(machine: Machine<Running>, draw: SeededRandom, crash: () => void): void {
    if (draw.chance(0.5)) {
      crash();
      return;
    }
    const { lives } = machine;
    const once = () => {
      const isSpared = this.#isCalm || this.#room.fate.isSheltered(machine.name);
      if (!isSpared && machine.lives === lives && isOn(machine)) crash();
    };
    machine.disk.inNextWrite(once);
    this.#room.scheduler.after(world, writeWaitMs, 'weather', 'no longer', once);
  }

  #allPowerCut(): void {
    const { fate, machines } = this.#room;
    const able = machines.filter(({ name }) => !fate.isSheltered(name));
    const [first] = able;
    if (first === undefined || !fate.allows('all-power-cut', first.name)) return;
    for (const machine of able) machine.powerCut();
  }

  #pause(machine: Machine<Running>, draw: SeededRandom): void {
    machine.pause();
    this.#for(draw.exponential(this.#room.fate.dials.shapes['pause-ms']), () => machine.resume());
  }

  /** Full at any byte, some more or fewer than are used now. */
  #fill(machine: Machine<Running>, draw: SeededRandom): void {
    const { disk } = machine;
    disk.capacityBytes = disk.usedBytes + draw.integer(draw.chance(0.5) ? 512 : 65_536);
    this.#for(draw.exponential(this.#room.fate.dials.shapes['full-disk-ms']), () => {
      disk.capacityBytes = Number.POSITIVE_INFINITY;
    });
  }

  #exchange(change: DiskChange, draw: SeededRandom): void {
    this.#one(change, draw, (machine) => {
      const exchange = this.#sourceFor(machine, change, draw);
      if (exchange === undefined) return false;
      return () => {
        this.#changes.set(machine.name, change);
        machine.powerCut();
        exchange();
        if (change !== 'disk-lost') this.#untilNoticed(machine);
      };
    });
  }

  /** An old disk starts at once, and nothing else strikes until it is noticed: whoever forgets meanwhile notices nothing. */
  #untilNoticed(machine: Machine<Running>): void {
    const { fate, machines, scheduler } = this.#room;
    const oldDisks = this.#oldDisks;
    if (oldDisks === undefined) return;
    fate.shelter(machines.map(({ name }) => name));
    this.#restartNow(machine);
    const deadlineMs = scheduler.nowMs + noticeWithinMs;
    const end = () => {
      if (!this.#open.delete(end)) return;
      oldDisks.replace(machine);
      if (!this.#isCalm) fate.shelter([]);
    };
    const look = () => {
      if (oldDisks.isNoticed(machine) || !isOn(machine) || scheduler.nowMs >= deadlineMs) end();
      if (this.#open.has(end)) scheduler.after(world, noticeEveryMs, 'weather', 'old disk', look);
    };
    this.#open.add(end);
    look();
  }

  #sourceFor(machine: Machine<Running>, change: DiskChange, draw: SeededRandom): (() => void) | undefined {
    if (change === 'disk-lost') return () => machine.disk.erase();
    const { machines } = this.#room;
    const sources = change === 'disk-rolled-back' ? [machine] : machines.filter((other) => other !== machine);
    const able = sources.flatMap((source) => {
      const image = this.#images.get(source.name);
      const mayReturn = this.#oldDisks?.wouldBeNoticed(machine, source) ?? true;
      return image === undefined || !mayReturn ? [] : [image];
    });
    return able.length === 0 ? undefined : () => machine.disk.restore(draw.pick(able));
  }

  /** Where old disks may come back, a copy is taken now and then. */
  #keepImages(machine: Machine<Running>): void {
    const { faults } = this.#room.fate.dials;
    if (faults['disk-rolled-back'] === 0 && faults['disk-cloned'] === 0) return;
    const copies = this.#room.fate.stream('copies of disks');
    this.#room.scheduler.after(world, copies.exponential(imageEveryMs), 'weather', 'copy of a disk', () => {
      this.#images.set(machine.name, machine.disk.image());
      this.#oldDisks?.onCopy(machine);
      if (!this.#isCalm) this.#keepImages(machine);
    });
  }

  #restartLater(machine: Machine<Running>): void {
    if (machine.processes.length > 0) return;
    const { fate } = this.#room;
    const meanMs = this.#isCalm ? calmRestartMs : fate.dials.shapes['restart-ms'];
    this.#for(fate.stream('restart').exponential(meanMs), () => this.#restartNow(machine), `start ${machine.name}`);
  }

  #restartNow(machine: Machine<Running>): void {
    if (machine.processes.length > 0) return;
    const { fate } = this.#room;
    const change = this.#changes.get(machine.name);
    this.#changes.delete(machine.name);
    this.#restart(machine, change);
    if (this.#isCalm) return;
    if (fate.strikes('double-start', machine.name)) this.#restart(machine, change);
    if (fate.strikes('boot-crash', machine.name)) this.#crashInBoot(machine, machine.lives);
  }

  #crashInBoot(machine: Machine<Running>, life: number): void {
    const { fate, scheduler } = this.#room;
    const draw = fate.stream('crash in boot');
    const afterMs = draw.exponential(10 * (fate.dials.shapes['read-ms'] + fate.dials.shapes['sync-ms']));
    scheduler.after(world, afterMs, 'weather', `crash in boot ${machine.name}`, () => {
      if (machine.lives !== life || machine.process?.isBooting !== true) return;
      this.#room.coverage.reached('crashed while booting');
      if (draw.chance(0.5)) machine.powerCut();
      else machine.kill();
    });
  }
}

function isOn<Running>(machine: Machine<Running>): boolean {
  return machine.processes.length > 0;
}

function isAwake<Running>(machine: Machine<Running>): boolean {
  return machine.process?.state === 'running';
}

function pairOf(draw: SeededRandom, names: readonly string[]): Cut[] {
  const [from = '', to = ''] = draw.shuffled(names);
  return [[from, to]];
}

function ringOf(draw: SeededRandom, names: readonly string[]): Cut[] {
  const circle = draw.shuffled(names);
  // In a circle of three everybody is a neighbour.
  return draw.chance(0.5) && names.length > 3 ? onlyNeighbours(circle) : onlyNext(circle);
}

function twoGroups(draw: SeededRandom, names: readonly string[]): Cut[] {
  const shuffled = draw.shuffled(names);
  const size = draw.between(1, names.length - 1);
  return betweenGroups([shuffled.slice(0, size), shuffled.slice(size)]);
}
