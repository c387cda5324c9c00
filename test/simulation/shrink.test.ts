import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunSeed, SeedOptions } from '../../src/simulation/seed-result.ts';
import { rerunLine, shrink } from '../../src/simulation/shrink.ts';
import { type FaultKind, faultKindNames } from '../../src/simulation/world/fault-kinds.ts';

/** A run that breaks a rule while it has enough operations and both kinds of faults; it counts how often it was asked. */
function ruleThatNeeds(operations: number, kinds: readonly FaultKind[], replicas: 3 | 5 = 3) {
  const asked: SeedOptions[] = [];
  const run: RunSeed = (options) => {
    asked.push(options);
    const faults = faultKindNames.filter((kind) => !options.without?.includes(kind));
    const done = Math.min(500, options.operationsMax ?? 500);
    const size = options.replicas ?? 5;
    const fails = done >= operations && kinds.every((kind) => faults.includes(kind)) && size >= replicas;
    const other = faults.includes('kill') ? undefined : { message: 'position-gap: another bug', trace: [] };
    return Promise.resolve({
      seed: options.seed,
      replicas: size,
      traceHash: '',
      events: 0,
      virtualMs: 0,
      operations: done,
      faults,
      coverage: Object.fromEntries(faults.map((kind, index) => [kind, index % 3])),
      ...(fails ? { failure: { message: `two-values: at ${done}`, trace: [] } } : other && { failure: other }),
    });
  };
  return { run, asked };
}

test('a failing run is shrunk to the operations, the replicas and the faults that it needs', async () => {
  const { run, asked } = ruleThatNeeds(37, ['kill', 'torn-write']);
  const options = { seed: 1 };
  const shrunk = await shrink({ options, result: await run(options), run, runsMax: 200 });
  assert.equal(shrunk.options.operationsMax, 37);
  assert.equal(shrunk.options.replicas, 3);
  assert.deepEqual(shrunk.result.faults, ['kill', 'torn-write']);
  assert.equal(shrunk.runs, asked.length - 1);
  assert.equal(
    rerunLine(shrunk.options),
    'npm run simulate -- --seed 1 --replicas 3 --operations 37 --only kill,torn-write',
  );
});

test('the smaller run breaks the same rule, and the replicas that a failure needs stay', async () => {
  const { run } = ruleThatNeeds(1, ['pause'], 5);
  const options = { seed: 1 };
  const shrunk = await shrink({ options, result: await run(options), run, runsMax: 200 });
  assert.equal(shrunk.result.replicas, 5);
  assert.match(shrunk.result.failure?.message ?? '', /^two-values/);
  assert.deepEqual([shrunk.options.operationsMax, shrunk.result.faults], [1, ['pause']]);
});

test('shrinking ends after the runs that it may make, with the best so far, and takes the same way again', async () => {
  const options = { seed: 1 };
  const once = ruleThatNeeds(37, ['kill', 'torn-write']);
  const twice = ruleThatNeeds(37, ['kill', 'torn-write']);
  const result = await once.run(options);
  const shrunk = await shrink({ options, result, run: once.run, runsMax: 10 });
  await shrink({ options, result: await twice.run(options), run: twice.run, runsMax: 10 });
  assert.equal(shrunk.runs, 10);
  assert.match(shrunk.result.failure?.message ?? '', /^two-values/);
  assert.ok(shrunk.result.operations < 100);
  assert.deepEqual(once.asked, twice.asked);
});

test('the line that repeats a run says all of its options', () => {
  assert.equal(
    rerunLine({ seed: 3, replicas: 5, without: ['kill', 'pause'], plant: 'answer-before-sync' }),
    'npm run simulate -- --seed 3 --replicas 5 --without kill,pause --plant answer-before-sync',
  );
  assert.equal(rerunLine({ seed: 3, without: faultKindNames }), 'npm run simulate -- --seed 3 --only none');
});
