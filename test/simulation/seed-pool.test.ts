import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeedPool } from '../../src/simulation/seed-pool.ts';
import { runSmallSeed, strangeSeeds } from './small-seeds.ts';

const program = new URL('./small-seed-process.ts', import.meta.url);

/** A pool that is closed at the end. */
async function withPool<Result>(
  options: { readonly jobs: number; readonly hangMs?: number; readonly memoryMebibytesMax?: number },
  work: (pool: SeedPool) => Promise<Result>,
): Promise<Result> {
  const pool = new SeedPool({ ...options, program });
  try {
    return await work(pool);
  } finally {
    pool.close();
  }
}

test('a seed does the same in a process of its own as in this one', async () => {
  const here = await runSmallSeed({ seed: 5 });
  const there = await withPool({ jobs: 1 }, (pool) => pool.run({ seed: 5 }));
  assert.deepEqual(there.result, here);
  assert.ok(there.cpuMs > 0 && there.wallMs > 0);
});

test('a seed that crashes, exits or hangs its process has failed, and the next seeds run', async () => {
  await withPool({ jobs: 1, hangMs: 3_000 }, async (pool) => {
    const { crash, exit, hang } = strangeSeeds;
    const runs = await Promise.all([crash, 1, exit, 2, hang, 3].map((seed) => pool.run({ seed })));
    const messages = runs.map(({ result }) => result.failure?.message);
    assert.deepEqual(messages, [
      'crash: the process ended with exit code 1',
      undefined,
      'crash: the process ended with exit code 9',
      undefined,
      'hang: no end after 3 s of real time',
      undefined,
    ]);
    assert.match(runs[0]?.result.failure?.trace.join('\n') ?? '', /nobody catches this/);
    assert.deepEqual(
      runs.map(({ processNumber }) => processNumber),
      [1, 2, 2, 3, 3, 4],
    );
  });
});

test('a seed that eats all memory ends its own process alone', async () => {
  await withPool({ jobs: 2, memoryMebibytesMax: 96 }, async (pool) => {
    const [eater, other] = await Promise.all([pool.run({ seed: strangeSeeds.memory }), pool.run({ seed: 1 })]);
    assert.match(eater.result.failure?.message ?? '', /^crash: the process ended with (SIGABRT|SIGTRAP|exit code 134)/);
    assert.match(eater.result.failure?.trace.join('\n') ?? '', /heap/);
    assert.equal(other.result.failure, undefined);
  });
});

test('a process that holds too much after a seed is replaced', async () => {
  await withPool({ jobs: 1, memoryMebibytesMax: 48 }, async (pool) => {
    const [one, other] = await Promise.all([pool.run({ seed: 1 }), pool.run({ seed: 2 })]);
    assert.deepEqual([one.result.failure, other.result.failure], [undefined, undefined]);
    assert.notEqual(one.processNumber, other.processNumber);
  });
});

test('a seed can be kept out of a process, which runs on, with one job or with two', async () => {
  for (const jobs of [1, 2]) {
    await withPool({ jobs }, async (pool) => {
      const first = await pool.run({ seed: 4 });
      const second = await pool.run({ seed: 4 }, first.processNumber);
      assert.notEqual(second.processNumber, first.processNumber);
      // And that process runs on.
      const third = await pool.run({ seed: 4 }, second.processNumber);
      assert.equal(third.processNumber, first.processNumber);
      assert.equal(second.result.traceHash, first.result.traceHash);
    });
  }
});
