import { assert } from '../base/assert.ts';
import type { SeedPool } from './seed-pool.ts';
import type { SeedFailure, SeedOptions, SeedResult } from './seed-result.ts';
import { Totals } from './totals.ts';

/** One seed in so many is run twice, in two processes that have different things behind them. */
const repeatEvery = 50;

export interface CampaignOptions {
  readonly pool: SeedPool;
  /** Which seeds, in order. May never end. */
  readonly seeds: Iterable<SeedOptions>;
  /** No seed begins after so many have failed. */
  readonly failuresMax: number;
  /** Asked before each seed: nothing more begins once it says so. */
  readonly isOver?: () => boolean;
  /** Told after each seed. */
  readonly onSeed?: (progress: CampaignReport, result: SeedResult) => void;
}

export interface FailedSeed {
  readonly options: SeedOptions;
  readonly result: SeedResult;
  readonly failure: SeedFailure;
}

export interface CampaignReport {
  readonly totals: Totals;
  /** In the order of the seeds; while it goes on, in the order in which they were found. */
  readonly failed: readonly FailedSeed[];
}

/** Runs many seeds on all processes of a pool, and counts. A failing seed stops nobody but itself. */
export async function runCampaign(campaign: CampaignOptions): Promise<CampaignReport> {
  const { pool, seeds, failuresMax, isOver = () => false, onSeed } = campaign;
  const totals = new Totals();
  const failed: (FailedSeed & { readonly index: number })[] = [];
  const remaining = seeds[Symbol.iterator]();
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (failed.length < failuresMax && !isOver()) {
      const next = remaining.next();
      if (next.done === true) return;
      const index = begun;
      begun += 1;
      const options = next.value;
      const run = await pool.run(options);
      totals.add(run);
      let { failure } = run.result;
      if (index % repeatEvery === 0 && run.result.traceHash !== '') {
        const again = await pool.run(options, run.processNumber);
        assert(again.processNumber !== run.processNumber, 'a seed is repeated in another process');
        totals.repeated += 1;
        failure ??= differenceOf(run.result, again.result);
      }
      if (failure !== undefined) failed.push({ options, result: run.result, failure, index });
      onSeed?.({ totals, failed }, run.result);
    }
  };
  await Promise.all(Array.from({ length: pool.jobs }, lane));
  return { totals, failed: failed.toSorted((one, other) => one.index - other.index) };
}

/** The same seed does the same in every process, or nothing that it finds can be found again. */
function differenceOf(first: SeedResult, second: SeedResult): SeedFailure | undefined {
  if (first.traceHash === second.traceHash) return undefined;
  const facts = (result: SeedResult): string => `${result.traceHash} after ${result.events} events`;
  const message = `not-repeatable: two processes took other steps: ${facts(first)}, ${facts(second)}`;
  return { message, trace: second.failure === undefined ? [] : [`there: ${second.failure.message}`] };
}

/** `first`, and the ones that follow it; at most `count`. */
export function* seedsFrom(options: SeedOptions, count = Number.POSITIVE_INFINITY): Generator<SeedOptions> {
  for (let index = 0; index < count; index += 1) yield { ...options, seed: options.seed + index };
}
