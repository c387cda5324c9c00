import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { LiveRows } from '../../../src/documents/store/live-rows.ts';
import { WorkerCheckpointStore } from '../../../src/documents/store/worker-store.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { historyId } from './model.ts';
import { executeValues, temporaryDirectory } from './temporary.ts';
import { puts } from './values.ts';

const entry = new URL('../../../src/server/workers/store-worker.ts', import.meta.url);
const turnMsMax = 1_000;

/** Point reads of the main thread, one after the other, until `work` is done. Answers how long the longest took. */
async function readWhile(live: LiveRows, work: Promise<unknown>): Promise<number> {
  let isDone = false;
  void work.finally(() => {
    isDone = true;
  });
  let longestMs = 0;
  while (!isDone) {
    for (let n = 0; n < 20; n += 1) {
      const startedAt = performance.now();
      live.row('things', `d${n % 7}`);
      live.dedupe('tester', `k${n}`, 0);
      longestMs = Math.max(longestMs, performance.now() - startedAt);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await work;
  return longestMs;
}

/** Runs SQL in a process of its own, which then holds what it has for a moment. It may be refused: that is its affair. */
async function elsewhere(path: string, statements: string): Promise<void> {
  const program = `
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1], { timeout: 50 });
    try { database.exec(process.argv[2]); } catch {}
    setTimeout(() => {}, 100);`;
  const child = spawn(process.execPath, ['-e', program, path, statements], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0);
}

/** A lock that is in the way of a live read stops the replica, since no result may depend on it: none ever is. */
test('nothing that the store does, nor another program with the file, keeps the live machine from reading', async () => {
  const directory = temporaryDirectory();
  const store = new WorkerCheckpointStore(entry, { directory, historyId });
  const values = puts(4_000);
  await store.open();
  await executeValues(store, values.slice(0, 100));
  await store.commit();
  const live = new LiveRows({ directory, hashes: systemHashes });
  live.open();
  const path = `${directory}/documents.sqlite`;

  const storesWork = async (): Promise<void> => {
    for (let at = 100, round = 0; at < values.length; at += 300, round += 1) {
      await executeValues(store, values.slice(at, at + 300), at);
      await store.commit();
      await store.scrub(1024 * 1024);
      if (round % 3 !== 0) continue;
      // Folds the WAL and cuts it to nothing.
      await store.freeze();
      await store.copyDatabase(`${directory}/copy-${round}`);
      await store.thaw();
    }
  };
  assert.ok((await readWhile(live, storesWork())) < turnMsMax);

  const others: Readonly<Record<string, string>> = {
    'a write transaction': 'begin immediate; insert into meta select * from meta limit 0',
    'an exclusive transaction': 'begin exclusive',
    'a checkpoint': 'pragma wal_checkpoint(truncate)',
    'a VACUUM': 'vacuum',
    'an exclusive mode': 'pragma locking_mode = exclusive; select count(*) from documents',
    'another journal': 'pragma journal_mode = delete',
  };
  for (const [what, statements] of Object.entries(others)) {
    assert.ok((await readWhile(live, elsewhere(path, statements))) < turnMsMax, what);
  }
  live.close();
  await store.close();
});
