import type { SeededRandom } from '../seeded-random.ts';
import { type FaultKind, faultKindNames, faultKinds } from './fault-kinds.ts';

/** How the world is where nothing is broken: from the fast end to the slow end. */
const shapeRanges = {
  'delay-least-ms': { least: 0.05, most: 5, quiet: 0.1 },
  'delay-mean-ms': { least: 0.1, most: 30, quiet: 0.3 },
  'read-ms': { least: 0.02, most: 5, quiet: 0.05 },
  'write-ms': { least: 0.02, most: 5, quiet: 0.05 },
  'sync-ms': { least: 0.1, most: 30, quiet: 0.3 },
  'partition-ms': { least: 200, most: 8_000, quiet: 1_000 },
  'clog-ms': { least: 50, most: 3_000, quiet: 500 },
  'pause-ms': { least: 50, most: 8_000, quiet: 1_000 },
  'restart-ms': { least: 10, most: 4_000, quiet: 100 },
  'full-disk-ms': { least: 200, most: 8_000, quiet: 1_000 },
} as const;

export type ShapeName = keyof typeof shapeRanges;

/** What a run's world is like. A fault at 0 does not exist in it. */
export interface Dials {
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly shapes: Readonly<Record<ShapeName, number>>;
}

/** No fault at all, on a fast network and fast disks. */
export const quietDials: Dials = {
  faults: faultRecord(() => 0),
  shapes: shapeRecord((name) => shapeRanges[name].quiet),
};

/**
 * Swarm: first which kinds exist at all, then how often each strikes. Half of the seeds have few kinds at high rates,
 * the other half any number of kinds at any rate.
 */
export function drawDials(random: SeededRandom): Dials {
  const shapes = shapeRecord((name) => logarithmic(random, shapeRanges[name].least, shapeRanges[name].most));
  const isFew = random.chance(0.5);
  const chosen = isFew
    ? new Set(random.shuffled(faultKindNames).slice(0, random.between(1, 5)))
    : new Set(faultKindNames.filter(chooser(random, random.float() * 0.7)));
  const faults = faultRecord((kind) => {
    const { least, most } = faultKinds[kind];
    const rate = logarithmic(random, isFew ? Math.sqrt(least * most) : least, most);
    return chosen.has(kind) ? rate : 0;
  });
  return { faults, shapes };
}

/** The same world with some faults at other rates: 0 switches one off. */
export function withFaults(dials: Dials, rates: Partial<Record<FaultKind, number>>): Dials {
  return { ...dials, faults: { ...dials.faults, ...rates } };
}

export function withShapes(dials: Dials, shapes: Partial<Record<ShapeName, number>>): Dials {
  return { ...dials, shapes: { ...dials.shapes, ...shapes } };
}

/** The kinds that exist in this world. */
export function presentFaults(dials: Dials): FaultKind[] {
  return faultKindNames.filter((kind) => dials.faults[kind] > 0);
}

/** One line: shapes first, then the faults that exist. */
export function printDials(dials: Dials): string {
  const shapes = Object.entries(dials.shapes).map(([name, value]) => `${name}=${short(value)}`);
  const faults = presentFaults(dials).map((kind) => `${kind}=${short(dials.faults[kind])}`);
  return [...shapes, ...(faults.length === 0 ? ['no faults'] : faults)].join(' ');
}

function chooser(random: SeededRandom, probability: number): () => boolean {
  return () => random.chance(probability);
}

/** As likely between 1 and 10 as between 10 and 100. */
function logarithmic(random: SeededRandom, least: number, most: number): number {
  return least * (most / least) ** random.float();
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function faultRecord(rateOf: (kind: FaultKind) => number): Record<FaultKind, number> {
  return Object.fromEntries(faultKindNames.map((kind) => [kind, rateOf(kind)])) as Record<FaultKind, number>;
}

function shapeRecord(valueFor: (name: ShapeName) => number): Record<ShapeName, number> {
  const names = Object.keys(shapeRanges) as ShapeName[];
  return Object.fromEntries(names.map((name) => [name, valueFor(name)])) as Record<ShapeName, number>;
}
