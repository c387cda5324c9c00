import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { LoggosError } from '../base/errors.ts';
import type { PlantedBug } from '../base/planted-bugs.ts';
import { type FailedSeed, runCampaign, seedsFrom } from '../simulation/campaign.ts';
import { findDivergence } from '../simulation/divergence.ts';
import { readKeptSeeds } from '../simulation/kept-seeds.ts';
import * as report from '../simulation/report.ts';
import { SeedPool } from '../simulation/seed-pool.ts';
import { ruleOf, type SeedOptions } from '../simulation/seed-result.ts';
import { othersThan, shrink } from '../simulation/shrink.ts';
import { type FaultKind, faultKindNames } from '../simulation/world/fault-kinds.ts';
import { exitCodes } from './exit-codes.ts';
import { requireDirectory } from './files.ts';
import { huntPlanted } from './hunt-planted.ts';
import { Interrupt } from './interrupt.ts';
import { note, print } from './output.ts';
import { SimulationProgress } from './simulation-progress.ts';

export interface SimulateFlags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly hours?: number;
  readonly from?: number;
  readonly jobs?: number;
  readonly replicas?: '3' | '5';
  readonly operations?: number;
  readonly without?: string;
  readonly only?: string;
  readonly plant?: PlantedBug;
  readonly planted?: boolean;
  readonly kept?: string;
  readonly failures: number;
  readonly trace?: number;
  readonly shrink: boolean;
  readonly here?: boolean;
  readonly json?: boolean;
}

const seedProgram = new URL('../simulation/seed-process.ts', import.meta.url);
const seedCountUsual = 100;
const traceLinesUsual = 60;
const shrinkRunsMax = 80;

/** @returns the exit code */
export async function simulate(flags: SimulateFlags): Promise<number> {
  if (flags.here === true) return await runHere(flags);
  const pool = new SeedPool({ jobs: flags.jobs ?? availableParallelism(), program: seedProgram });
  const interrupt = new Interrupt(pool);
  try {
    if (flags.planted === true) return await huntPlanted(flags, optionsOf(flags), pool, interrupt);
    return await (flags.seed === undefined
      ? runMany(flags, pool, interrupt)
      : runOne(flags, flags.seed, pool, interrupt));
  } finally {
    pool.close();
  }
}

async function runMany(flags: SimulateFlags, pool: SeedPool, interrupt: Interrupt): Promise<number> {
  const { from = randomInt(1_000_000_000), hours = Number.POSITIVE_INFINITY } = flags;
  const { seeds = flags.hours === undefined ? seedCountUsual : Number.POSITIVE_INFINITY } = flags;
  const options = { ...optionsOf(flags), seed: from };
  if (flags.kept !== undefined) requireDirectory(flags.kept);
  const kept = flags.kept === undefined ? [] : readKeptSeeds(flags.kept).map((one) => ({ ...options, ...one }));
  note(
    `${kept.length === 0 ? '' : `${kept.length} kept ${kept.length === 1 ? 'seed' : 'seeds'}, then `}seeds from ${from} on, in ${pool.jobs} processes`,
  );
  const startedAt = performance.now();
  const partOfTime = (): number => (performance.now() - startedAt) / (hours * 3_600_000);
  const progress = new SimulationProgress();
  const { totals, failed } = await runCampaign({
    pool,
    seeds: inTurn(kept, seedsFrom(options, seeds)),
    failuresMax: flags.failures,
    isOver: () => interrupt.isRaised || partOfTime() >= 1,
    onSeed: (so) => {
      const part = Math.max(so.totals.seeds / (kept.length + seeds), partOfTime());
      progress.at(part, report.stateLine(so.totals, so.failed.length));
    },
  });
  progress.end();
  const explained = await explain(failed, flags, pool, interrupt);
  if (flags.json === true) print(JSON.stringify({ from, ...report.reportJson({ totals, failed: explained }) }));
  else {
    for (const one of explained) printLines(report.failureLines(one, flags.trace ?? traceLinesUsual));
    printLines(report.summaryLines({ totals, failed }));
  }
  // A planted bug and switched off faults leave holes that say nothing.
  const isWholeWorld =
    options.plant === undefined && options.without === undefined && options.operationsMax === undefined;
  const hasHoles = isWholeWorld && totals.holes().length > 0;
  return failed.length > 0 || hasHoles || interrupt.isRaised ? exitCodes.failed : exitCodes.done;
}

/** One seed, in two processes. */
async function runOne(flags: SimulateFlags, seed: number, pool: SeedPool, interrupt: Interrupt): Promise<number> {
  const options = { ...optionsOf(flags), seed };
  const { failed, totals } = await runCampaign({
    pool,
    seeds: [options],
    failuresMax: 1,
    onSeed: (_, result) => {
      if (flags.json !== true && result.failure === undefined) printLines(report.resultLines(result));
    },
  });
  const explained = await explain(failed, flags, pool, interrupt);
  if (flags.json === true) print(JSON.stringify(report.reportJson({ totals, failed: explained })));
  else for (const one of explained) printLines(report.failureLines(one, flags.trace ?? traceLinesUsual));
  return failed.length > 0 ? exitCodes.failed : exitCodes.done;
}

/** In this process, where a debugger can stop it: nothing guards it, and nothing is compared. */
async function runHere(flags: SimulateFlags): Promise<number> {
  if (flags.seed === undefined) throw new LoggosError('usage', '--here needs --seed');
  const { runSeed } = await import('../simulation/cluster/simulation-run.ts');
  const options = { ...optionsOf(flags), seed: flags.seed };
  const result = await runSeed(options);
  const { failure } = result;
  if (flags.json === true) print(JSON.stringify(result));
  else if (failure === undefined) printLines(report.resultLines(result));
  else printLines(report.failureLines({ options, result, failure }, flags.trace ?? traceLinesUsual));
  return failure === undefined ? exitCodes.done : exitCodes.failed;
}

/** The first failure of each rule is made smaller; one that does not repeat is looked at from both sides. */
async function explain(
  failed: readonly FailedSeed[],
  flags: SimulateFlags,
  pool: SeedPool,
  interrupt: Interrupt,
): Promise<report.ExplainedFailure[]> {
  const explained: report.ExplainedFailure[] = [];
  const rules = new Set<string>();
  for (const one of failed) {
    const rule = ruleOf(one.failure);
    const isFirst = flags.shrink && !interrupt.isRaised && !rules.has(rule);
    rules.add(rule);
    if (!isFirst) explained.push(one);
    else if (one.result.failure === undefined) {
      explained.push({ ...one, divergence: await findDivergence(pool, one.options) });
    } else {
      note(`seed ${one.options.seed}: ${rule}; looking for a smaller form`);
      const run = async (options: SeedOptions) => (await pool.run(options)).result;
      explained.push({ ...one, shrunk: await shrink({ ...one, run, runsMax: shrinkRunsMax }) });
    }
  }
  return explained;
}

/** What all seeds have in common; `seed` is replaced. */
function optionsOf(flags: SimulateFlags): SeedOptions {
  const { replicas, operations, plant, trace } = flags;
  const without = flags.only === undefined ? kindsOf(flags.without) : othersThan(kindsOf(flags.only));
  return {
    seed: 0,
    ...(replicas !== undefined && { replicas: replicas === '3' ? 3 : 5 }),
    ...(operations !== undefined && { operationsMax: operations }),
    ...(plant !== undefined && { plant }),
    ...(without !== undefined && { without }),
    ...(trace !== undefined && { traceLines: trace }),
  };
}

/** @throws LoggosError `usage` */
function kindsOf(text: string | undefined): readonly FaultKind[] | undefined {
  if (text === undefined) return undefined;
  return text === 'none' ? [] : text.split(',').map(kindOf);
}

function kindOf(name: string): FaultKind {
  const kind = faultKindNames.find((known) => known === name);
  if (kind !== undefined) return kind;
  throw new LoggosError('usage', `${name} is no kind of fault; there are: ${faultKindNames.join(' ')}`);
}

function* inTurn<Item>(first: Iterable<Item>, second: Iterable<Item>): Generator<Item> {
  yield* first;
  yield* second;
}

function printLines(lines: readonly string[]): void {
  for (const line of lines) print(line);
}
