import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { DiskError } from '../../../src/base/disk.ts';
import { LoggosError } from '../../../src/base/errors.ts';
import { WorkerCheckpointReader } from '../../../src/documents/store/worker-reader.ts';
import { WorkerCheckpointStore } from '../../../src/documents/store/worker-store.ts';
import { historyId, modelOf } from './model.ts';
import { machineValue, put } from './proposals.ts';
import { hex } from './store-contract.ts';
import { executeValues, storeIn, temporaryDirectory } from './temporary.ts';
import { puts } from './values.ts';

const entry = new URL('../../../src/server/workers/store-worker.ts', import.meta.url);
const dies = new URL('data:text/javascript,setTimeout(() => process.exit(3), 50)');

function answersCommitWith(failure: object): URL {
  const answer = `({ call }) => parentPort.postMessage({ answer: call, failure: ${JSON.stringify(failure)} })`;
  const text = `import { parentPort } from 'node:worker_threads'; parentPort.on('message', ${answer});`;
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

test('a lock that another program holds on the database passes: the transaction is executed again, and nothing is missing', async () => {
  const directory = temporaryDirectory();
  const values = puts(12);
  const store = storeIn(directory);
  await store.open();
  await executeValues(store, values.slice(0, 5));
  await store.commit();
  await executeValues(store, values.slice(5), 5);
  const other = new DatabaseSync(`${directory}/documents.sqlite`);
  other.exec('begin immediate');
  await assert.rejects(store.commit(), { code: 'busy' });
  other.exec('rollback');
  other.close();
  await executeValues(store, values.slice(5), 5);
  const head = await store.commit();
  assert.equal(head.state.instance, 12);
  assert.equal(hex(head.digest), hex(modelOf(values).digest));
  await store.close();
});

test('a worker that ends unasked is told once; one that is stopped is not', async () => {
  const told: unknown[] = [];
  const lost = Promise.withResolvers<void>();
  const onFailure = (error: unknown): void => {
    told.push(error);
    if (told.length === 2) lost.resolve();
  };
  const directory = temporaryDirectory();
  const store = new WorkerCheckpointStore(dies, { directory, historyId }, onFailure);
  new WorkerCheckpointReader(dies, { directory }, onFailure);
  await lost.promise;
  await assert.rejects(store.commit(), { code: 'stopped' });
  const whole = new WorkerCheckpointStore(entry, { directory, historyId }, onFailure);
  await whole.open();
  await whole.close();
  assert.equal(told.length, 2);
});

test('a write that fails for good is told; one that passes, or that says what is damaged, is only thrown', async () => {
  const failures = [
    [{ type: 'disk', message: 'SQLite: disk I/O error', code: 'failed', path: 'x' }, 1],
    [{ type: 'other', message: 'what nobody expects' }, 1],
    [{ type: 'disk', message: 'The disk is full', code: 'no-room', path: 'x' }, 0],
    [{ type: 'loggos', message: 'Another program', code: 'busy', facts: {} }, 0],
    [{ type: 'loggos', message: 'rot', code: 'checkpoint-damaged', facts: {} }, 0],
    [{ type: 'invariant', message: 'two executions differ', facts: {} }, 0],
  ] as const;
  for (const [failure, count] of failures) {
    const told: unknown[] = [];
    const data = { directory: temporaryDirectory(), historyId };
    const store = new WorkerCheckpointStore(answersCommitWith(failure), data, (error) => told.push(error));
    await assert.rejects(store.commit());
    assert.equal(told.length, count, failure.message);
    if (failure.type === 'disk' && count === 1) assert.ok(told[0] instanceof DiskError);
    await store.close().catch(() => undefined);
  }
});

test('a copy of the database that nobody wants any more ends between two chunks, and the store goes on', async () => {
  const large = { text: 'x'.repeat(900_000) };
  const values = Array.from({ length: 6 }, (_, index) => machineValue(1_000, put(`e${index}`, `d${index}`, large)));
  const inThread = (directory: string) => storeIn(directory);
  const inWorker = (directory: string) => new WorkerCheckpointStore(entry, { directory, historyId });
  for (const storeOf of [inThread, inWorker]) {
    const directory = temporaryDirectory();
    const store = storeOf(directory);
    await store.open();
    await executeValues(store, values);
    await store.commit();
    const { databaseBytes } = await store.freeze();
    const givenUp = new AbortController();
    const copying = store.copyDatabase(`${directory}/half.sqlite`, givenUp.signal);
    givenUp.abort(new LoggosError('stopped', 'planned'));
    await assert.rejects(copying, { code: 'stopped' });
    assert.ok(statSync(`${directory}/half.sqlite`).size < databaseBytes);
    await store.copyDatabase(`${directory}/whole.sqlite`);
    assert.equal(statSync(`${directory}/whole.sqlite`).size, databaseBytes);
    await store.thaw();
    await store.close();
  }
});
