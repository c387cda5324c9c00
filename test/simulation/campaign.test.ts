import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type CampaignOptions, runCampaign, seedsFrom } from '../../src/simulation/campaign.ts';
import { findDivergence, firstDifference } from '../../src/simulation/divergence.ts';
import { huntBug } from '../../src/simulation/planted-hunt.ts';
import { failureLines, reportJson, summaryLines } from '../../src/simulation/report.ts';
import { SeedPool } from '../../src/simulation/seed-pool.ts';
import { shrink } from '../../src/simulation/shrink.ts';
import { Totals } from '../../src/simulation/totals.ts';
import { runSmallSeed, strangeSeeds } from './small-seeds.ts';

const pool = new SeedPool({ jobs: 2, program: new URL('./small-seed-process.ts', import.meta.url) });
after(() => pool.close());

const campaign = (options: Partial<CampaignOptions> & Pick<CampaignOptions, 'seeds'>) =>
  runCampaign({ pool, failuresMax: 10, ...options });

test('many seeds are counted, and one in fifty is run twice', async () => {
  const counts: number[] = [];
  const { totals, failed } = await campaign({
    seeds: seedsFrom({ seed: 1 }, 60),
    onSeed: (so) => counts.push(so.totals.seeds),
  });
  assert.deepEqual(failed, []);
  assert.deepEqual([totals.seeds, totals.repeated, totals.operations], [60, 2, 60 * 40]);
  assert.equal(totals.virtualMs, 60 * 5_000);
  assert.ok(totals.eventsPerCoreSecond > 1_000 && totals.timesReal > 1 && totals.seedsPerSecond > 0);
  assert.deepEqual(counts.toSorted(), counts.toSorted());
  assert.equal(Math.max(...counts), 60);
  assert.ok(totals.coverage.count('kill') > 0);
});

test('a seed that takes other steps in another process has failed, and it is shown where they part', async () => {
  const { failed } = await campaign({ seeds: [{ seed: strangeSeeds.unrepeatable }] });
  assert.match(failed[0]?.failure.message ?? '', /^not-repeatable: two processes took other steps: \w+ after \d+ ev/);
  assert.deepEqual(await findDivergence(pool, { seed: 1 }), []);
  assert.deepEqual(firstDifference(['a', 'b', 'c'], ['a', 'b', 'x']), ['a', 'b', 'here:  c', 'there: x']);
  assert.deepEqual(firstDifference(['a'], ['a', 'b']), ['a', 'here:  the end', 'there: b']);
});

test('no seed begins after enough have failed, or once it is over', async () => {
  const seeds = [strangeSeeds.exit, 1, 2].map((seed) => ({ seed })).values();
  const { failed, totals } = await campaign({ seeds, failuresMax: 1 });
  assert.equal(failed.length, 1);
  assert.ok(totals.seeds <= 3);
  let begun = 0;
  const stopped = await campaign({ seeds: seedsFrom({ seed: 1 }), isOver: () => ++begun > 6 });
  assert.equal(stopped.totals.seeds, 6);
});

test('a planted bug is hunted to the first seed that shows it, the same one on any number of processes', async () => {
  const options = { seed: 1 };
  const hunt = { bug: 'answer-before-sync', options, seedsMax: 200 } as const;
  const found = await huntBug({ pool, ...hunt });
  const alone = new SeedPool({ jobs: 1, program: new URL('./small-seed-process.ts', import.meta.url) });
  const again = await huntBug({ pool: alone, ...hunt });
  alone.close();
  assert.ok(found.seeds < 200 && found.found !== undefined);
  assert.deepEqual([again.seeds, again.found?.failure.message], [found.seeds, found.found.failure.message]);
  const inVain = await huntBug({ pool, ...hunt, bug: 'apply-out-of-order', seedsMax: 5 });
  assert.deepEqual([inVain.seeds, inVain.found], [5, undefined]);
});

test('a seed that fails without the planted bug is not the find of it', async () => {
  const options = { seed: strangeSeeds.exit };
  const { found, unplanted } = await huntBug({ pool, bug: 'apply-out-of-order', options, seedsMax: 1 });
  assert.equal(found, undefined);
  assert.deepEqual(
    unplanted.map((one) => one.options),
    [options],
  );
});

test('a failure is read with its last lines, its smaller form and the lines that repeat both', async () => {
  const { failed } = await campaign({
    seeds: seedsFrom({ seed: 1, plant: 'answer-before-sync' }, 50),
    failuresMax: 1,
  });
  const [one] = failed;
  assert.ok(one !== undefined);
  const shrunk = await shrink({ ...one, run: runSmallSeed, runsMax: 60 });
  const lines = failureLines({ ...one, shrunk }, 12);
  assert.match(lines[1] ?? '', /^FAILED acknowledged-missing: \d+ ends$/);
  assert.equal(lines.filter((line) => line.startsWith('  ')).length, 12);
  // Each text stands with the line that repeats it.
  const end = lines.indexOf(`again: npm run simulate -- --seed ${one.options.seed} --plant answer-before-sync`);
  assert.equal(lines[end + 1], '');
  assert.match(lines[end + 2] ?? '', /^smaller, after \d+ runs: \d replicas, /);
  assert.equal(lines[end + 3], `FAILED ${shrunk.result.failure?.message}`);
  assert.ok(
    lines.slice(0, end).every((line) => !line.startsWith('  ')),
    'the last lines are of the smaller run',
  );
  assert.match(lines.at(-1) ?? '', /^again, smaller: npm run simulate -- --seed \d+ .*--only [a-z,-]+ --plant/);
  const json = JSON.parse(JSON.stringify(reportJson({ totals: new Totals(), failed: [{ ...one, shrunk }] })));
  assert.equal(json.failures[0].shrunk.result.failure.message, shrunk.result.failure?.message);
});

test('what was never reached over a thousand seeds is a hole, and is named', () => {
  const totals = new Totals();
  const result = {
    seed: 1,
    replicas: 3,
    traceHash: 'a',
    events: 10,
    virtualMs: 10,
    operations: 1,
    faults: [],
    coverage: { kill: 1, 'leader crashed in phase 1': 0 },
  } as const;
  for (let seeds = 1; seeds <= 999; seeds += 1) totals.add({ result, wallMs: 1, cpuMs: 1, processNumber: 1 });
  assert.deepEqual(totals.holes(), []);
  totals.add({ result, wallMs: 1, cpuMs: 1, processNumber: 1 });
  assert.deepEqual(totals.holes(), ['leader crashed in phase 1']);
  const text = summaryLines({ totals, failed: [] }).join('\n');
  assert.match(text, /^faults {4}kill 1,000$/m);
  assert.match(text, /^NEVER {5}leader crashed in phase 1$/m);
  assert.match(text, /^1,000 seeds \(.*10,000 events\/s a core, time 10 × real, 0 failed$/m);
});
