import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { LoggosError } from '../../../src/base/errors.ts';
import { LiveRows } from '../../../src/documents/store/live-rows.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { modelOf } from './model.ts';
import { machineValue, put } from './proposals.ts';
import { checkpointWith, copyOf, executeValues, storeIn, temporaryDirectory } from './temporary.ts';
import { puts } from './values.ts';

test('a live read sees each commit, and nothing of an open transaction', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  const live = new LiveRows({ directory, hashes: systemHashes });
  live.open();
  for (let instance = 1; instance <= 5; instance++) {
    const value = machineValue(
      instance,
      put(`proposal-${instance}`.padEnd(21, '-'), 'a', { instance }, `key-${instance}`),
    );
    await executeValues(store, [value], instance - 1);
    assert.equal(live.row('things', 'a')?.revision ?? 0, instance - 1);
    assert.equal(live.dedupe('tester', `key-${instance}`, 0), undefined);
    await store.commit();
    assert.equal(live.row('things', 'a')?.body, JSON.stringify({ instance }));
    assert.equal(live.dedupe('tester', `key-${instance}`, 0)?.ordinal, instance);
  }
  live.close();
  await store.close();
});

test('between two live reads no read transaction is held: the write-ahead log folds to nothing', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  const live = new LiveRows({ directory, hashes: systemHashes });
  live.open();
  await executeValues(store, puts(20));
  await store.commit();
  assert.notEqual(live.row('things', 'document-0001'), undefined);
  assert.equal(live.row('things', 'absent'), undefined);
  assert.equal(live.dedupe('tester', 'absent', 0), undefined);
  assert.ok(statSync(`${directory}/documents.sqlite-wal`).size > 0);
  await store.freeze();
  assert.equal(statSync(`${directory}/documents.sqlite-wal`).size, 0);
  await store.thaw();
  live.close();
  await store.close();
});

test("a flipped bit anywhere in the database's file: each read gives the true row, none, or damage; never a wrong one", async () => {
  const values = puts(30, 5, 60);
  const directory = await checkpointWith(values);
  const whole = readFileSync(`${directory}/documents.sqlite`);
  const rows = [...modelOf(values).rows.values()];
  let damaged = 0;
  for (let flip = 0; flip < 150; flip++) {
    const offset = (flip * 104_729) % whole.byteLength;
    const copy = copyOf(directory);
    const bytes = Buffer.from(whole);
    bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (flip % 8));
    writeFileSync(`${copy}/documents.sqlite`, bytes);
    const live = new LiveRows({ directory: copy, hashes: systemHashes });
    try {
      live.open();
      for (const row of rows) {
        const read = live.row(row.collection, row.documentId);
        if (read !== undefined) assert.deepEqual(read, row);
      }
    } catch (error) {
      if (!(error instanceof Error) || error.name === 'AssertionError') throw error;
      assert.ok(offset < 100 || (error instanceof LoggosError && error.code === 'checkpoint-damaged'), String(error));
      damaged += 1;
    } finally {
      live.close();
    }
  }
  assert.ok(damaged > 0);
});
