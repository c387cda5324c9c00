import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plantBug } from '../../../src/base/planted-bugs.ts';
import { Coverage } from '../../../src/simulation/world/coverage.ts';
import { runLog } from './run-log.ts';

test('the real log keeps what it acknowledged through every crash and failure of its disk', async () => {
  const coverage = new Coverage();
  let acknowledged = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    const { room, ledger } = await runLog(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    coverage.merge(room.coverage);
    acknowledged += ledger.acknowledgedCount;
  }
  assert.ok(acknowledged > 500, `${acknowledged}`);
  for (const kind of ['power-cut', 'torn-write', 'sync-error', 'short-write', 'full-disk', 'boot-crash'])
    assert.ok(coverage.count(kind) > 0, kind);
});

test('a run of the real log repeats exactly', async () => {
  const [one, other] = [await runLog(3), await runLog(3)];
  assert.equal(one.room.scheduler.traceHash, other.room.scheduler.traceHash);
  assert.deepEqual(one.ledger.acknowledgedCount, other.ledger.acknowledgedCount);
});

for (const bug of ['retry-failed-sync', 'ignore-short-write', 'no-directory-sync'] as const) {
  test(`the simulated disk finds a log that does this: ${bug}`, async () => {
    plantBug(bug);
    try {
      let seed = 1;
      while (seed <= 30 && !(await fails(seed))) seed += 1;
      assert.ok(seed <= 30, 'found by one of thirty seeds');
    } finally {
      plantBug(undefined);
    }
  });
}

async function fails(seed: number): Promise<boolean> {
  return runLog(seed).then(
    () => false,
    () => true,
  );
}
