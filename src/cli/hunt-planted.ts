import { type PlantedBug, plantedBugs } from '../base/planted-bugs.ts';
import { type Hunt, huntBug } from '../simulation/planted-hunt.ts';
import { count } from '../simulation/report.ts';
import type { SeedPool } from '../simulation/seed-pool.ts';
import type { SeedOptions } from '../simulation/seed-result.ts';
import { rerunLine } from '../simulation/shrink.ts';
import { exitCodes } from './exit-codes.ts';
import type { Interrupt } from './interrupt.ts';
import { print, printRows } from './output.ts';
import { SimulationProgress } from './simulation-progress.ts';

export interface HuntFlags {
  readonly from?: number;
  readonly seeds?: number;
  readonly plant?: PlantedBug;
  readonly json?: boolean;
}

const seedsMaxUsual = 5_000;
const medianMax = 200;

/** How many seeds each planted bug takes: a simulator that finds none finds no real one either. */
export async function huntPlanted(
  flags: HuntFlags,
  options: SeedOptions,
  pool: SeedPool,
  interrupt: Interrupt,
): Promise<number> {
  const bugs = flags.plant === undefined ? plantedBugs : [flags.plant];
  const seedsMax = flags.seeds ?? seedsMaxUsual;
  const progress = new SimulationProgress();
  const hunts: Hunt[] = [];
  const { plant: _, ...plain } = options;
  for (const bug of bugs) {
    if (interrupt.isRaised) break;
    const hunt = await huntBug({
      pool,
      bug,
      options: { ...plain, seed: flags.from ?? 1 },
      seedsMax,
      isOver: () => interrupt.isRaised,
      onSeed: (seeds) => progress.at(hunts.length / bugs.length, `${bug}: ${count(seeds)} seeds`),
    });
    progress.tell(`${bug}: ${hunt.found === undefined ? 'not found' : `found after ${count(hunt.seeds)} seeds`}`);
    hunts.push(hunt);
  }
  progress.end();
  printRows(
    hunts,
    [
      { title: 'BUG', of: ({ bug }) => bug },
      { title: 'SEEDS', of: ({ seeds, found }) => (found === undefined ? `not in ${count(seeds)}` : count(seeds)) },
      { title: 'REPORTED AS', of: ({ found }) => (found === undefined ? null : cut(found.failure.message)) },
    ],
    flags,
  );
  // Every hunt goes over the same seeds.
  const unplanted = new Map(hunts.flatMap((hunt) => hunt.unplanted.map((one) => [one.options.seed, one])));
  const median = medianOf(hunts.map(({ seeds, found }) => (found === undefined ? Number.POSITIVE_INFINITY : seeds)));
  if (flags.json !== true) {
    const found = hunts.filter((hunt) => hunt.found !== undefined).length;
    const half = Number.isFinite(median) ? `, half of them within ${count(median)} seeds` : '';
    print(`\n${found} of ${bugs.length} found${half}`);
    for (const { options: those, failure } of unplanted.values()) {
      print(`fails without any bug: ${rerunLine(those)}: ${cut(failure.message)}`);
    }
  }
  const areFound = hunts.length === bugs.length && hunts.every(({ found }) => found !== undefined);
  const isQuick = bugs.length === 1 || median <= medianMax;
  return areFound && isQuick && unplanted.size === 0 ? exitCodes.done : exitCodes.failed;
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? Number.NaN;
}

function cut(message: string): string {
  const [line = ''] = message.split('\n', 1);
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}
