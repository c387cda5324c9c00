import { availableParallelism } from 'node:os';
import { runCampaign, seedsFrom } from '../../src/simulation/campaign.ts';
import { SeedPool } from '../../src/simulation/seed-pool.ts';
import type { Row } from './table.ts';

const eventsGoal = 50_000;
const timesRealGoal = 100;
/** A thousand seeds in three minutes on two cores. */
const cpuMsGoal = 360;

/** `loggos simulate` on all cores, over the same seeds each time: how much a core does in a second of its own time. */
export async function* simulatedSeeds(seeds: number): AsyncGenerator<Row> {
  const program = new URL('../../src/simulation/seed-process.ts', import.meta.url);
  const pool = new SeedPool({ jobs: availableParallelism(), program });
  try {
    const campaign = { pool, seeds: seedsFrom({ seed: 1 }, seeds), failuresMax: seeds };
    const { totals } = await runCampaign(campaign);
    const cpuMs = totals.cpuMs / totals.seeds;
    yield {
      what: `simulated events, ${seeds.toLocaleString('en')} seeds`,
      value: totals.eventsPerCoreSecond,
      unit: '/s a core',
      ratio: totals.eventsPerCoreSecond / eventsGoal,
      against: `the goal of ${eventsGoal.toLocaleString('en')}`,
    };
    yield {
      what: 'simulated time in one of real time',
      value: totals.timesReal,
      unit: '×',
      ratio: totals.timesReal / timesRealGoal,
      against: `the goal of ${timesRealGoal}`,
    };
    yield {
      what: 'core time of a seed',
      value: cpuMs,
      unit: 'ms',
      ratio: cpuMs / cpuMsGoal,
      against: 'a thousand in 3 minutes on 2 cores',
    };
  } finally {
    pool.close();
  }
}
