import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { DiskError } from '../../../src/base/disk.ts';
import { FaultDisk } from './fault-disk.ts';
import { modelOf } from './model.ts';
import { hex } from './store-contract.ts';
import { copyOf, executeValues, historyText, storeIn, tamper, temporaryDirectory } from './temporary.ts';
import { puts } from './values.ts';

const values = puts(10, 20, 200);
const halves = [values.slice(0, 5), values.slice(5)] as const;
const noRoom = () => new DiskError('no-room', 'test', 'the disk is full');
const failed = () => new DiskError('failed', 'test', 'the disk does not answer');

/** Calls `action` ahead of statements that SQLite is given whole, while `run` runs. */
async function withSqlite(action: (database: DatabaseSync, text: string) => void, run: () => Promise<void>) {
  const exec = DatabaseSync.prototype.exec;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, text: string) {
    action(this, text);
    return exec.call(this, text);
  };
  try {
    await run();
  } finally {
    DatabaseSync.prototype.exec = exec;
  }
}

/** What a process finds that starts on these files: one of the two commits, whole, and the rest can be executed again. */
async function checkRecovery(directory: string): Promise<number> {
  const store = storeIn(directory);
  const head = await store.open();
  const { instance } = head.state;
  assert.ok(instance === 0 || instance === 5 || instance === 10, `instance ${instance}`);
  assert.equal(hex(head.digest), hex(modelOf(values.slice(0, instance)).digest));
  await executeValues(store, values.slice(instance), instance);
  const model = modelOf(values);
  assert.equal(hex((await store.commit()).digest), hex(model.digest));
  await store.close();
  assert.equal(historyText(directory), model.lines.map((line) => `${line}\n`).join(''));
  return instance;
}

test('a kill at any step of the first open, of execution and of commits leaves one commit or the other, whole (D5)', async () => {
  const directory = temporaryDirectory();
  const disk = new FaultDisk();
  const copies: string[] = [];
  const steps: string[] = [];
  disk.before = (operation) => {
    steps.push(operation);
    copies.push(copyOf(directory));
  };
  const atStatement = (_database: DatabaseSync, text: string) => {
    if (/^(begin immediate|commit|pragma journal_mode)/.test(text)) copies.push(copyOf(directory));
  };
  await withSqlite(atStatement, async () => {
    const store = storeIn(directory, disk);
    await store.open();
    for (const [at, half] of halves.entries()) {
      await executeValues(store, half, at * 5);
      await store.commit();
      copies.push(copyOf(directory));
    }
    await store.close();
  });
  assert.ok(steps.includes('sync') && steps.includes('write') && steps.includes('syncDirectory'));
  const instances: number[] = [];
  for (const copy of copies) instances.push(await checkRecovery(copy));
  assert.deepEqual(
    instances,
    [...instances].sort((left, right) => left - right),
  );
  assert.deepEqual([...new Set(instances)], [0, 5, 10]);
});

test("a power cut at any place of SQLite's write-ahead log leaves one commit or the other, whole", async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  await executeValues(store, halves[0]);
  await store.commit();
  const { size: firstBytes } = statSync(`${directory}/documents.sqlite-wal`);
  await executeValues(store, halves[1], 5);
  await store.commit();
  const whole = copyOf(directory);
  await store.close();
  const { size: lastBytes } = statSync(`${whole}/documents.sqlite-wal`);
  assert.ok(lastBytes > firstBytes);
  for (let bytes = firstBytes; bytes <= lastBytes; bytes += 1_777) {
    const copy = copyOf(whole);
    truncateSync(`${copy}/documents.sqlite-wal`, bytes);
    const instance = await checkRecovery(copy);
    assert.ok(instance === 5 || instance === 10);
  }
});

/** The changes that the second half makes on the disk. */
async function operationCount(): Promise<number> {
  const disk = new FaultDisk();
  const store = storeIn(temporaryDirectory(), disk);
  await store.open();
  await executeValues(store, halves[0]);
  await store.commit();
  let count = 0;
  disk.before = () => {
    count += 1;
  };
  await executeValues(store, halves[1], 5);
  await store.commit();
  await store.close();
  return count;
}

test('a full disk at any step of history drops the transaction whole, and execution begins again behind the commit (D7)', async () => {
  const count = await operationCount();
  assert.ok(count >= 2);
  for (let failing = 0; failing < count; failing++) {
    const directory = temporaryDirectory();
    const disk = new FaultDisk();
    const store = storeIn(directory, disk);
    await store.open();
    await executeValues(store, halves[0]);
    await store.commit();
    let operation = 0;
    disk.before = () => {
      if (operation++ === failing) throw noRoom();
    };
    await assert.rejects(
      async () => {
        await executeValues(store, halves[1], 5);
        await store.commit();
      },
      { kind: 'no-room' },
    );
    const fingerprints = await executeValues(store, values);
    assert.deepEqual(
      fingerprints.map(hex),
      modelOf(values).fingerprints.map((each, at) => (at < 5 ? '' : hex(each))),
    );
    assert.equal(hex((await store.commit()).digest), hex(modelOf(values).digest));
    await store.close();
    assert.equal(
      historyText(directory),
      modelOf(values)
        .lines.map((line) => `${line}\n`)
        .join(''),
    );
  }
});

test('a disk that fails at any step of history ends the store: no later call succeeds, and the next open is whole (A8)', async () => {
  const count = await operationCount();
  for (let failing = 0; failing < count; failing++) {
    const directory = temporaryDirectory();
    const disk = new FaultDisk();
    const store = storeIn(directory, disk);
    await store.open();
    await executeValues(store, halves[0]);
    await store.commit();
    let operation = 0;
    disk.before = () => {
      if (operation++ === failing) throw failed();
    };
    const fault = { kind: 'failed', message: 'the disk does not answer' };
    await assert.rejects(async () => {
      await executeValues(store, halves[1], 5);
      await store.commit();
    }, fault);
    await assert.rejects(executeValues(store, values), fault);
    await assert.rejects(store.commit(), fault);
    await store.close();
    assert.equal(await checkRecovery(directory), 5);
  }
});

test('SQLite without room drops the transaction whole, and goes on when there is room', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  await executeValues(store, halves[0]);
  await store.commit();
  await executeValues(store, halves[1], 5);
  let isFull = true;
  const atBegin = (database: DatabaseSync, text: string) => {
    if (text !== 'begin immediate') return;
    const pages = Number(database.prepare('pragma page_count').get()?.page_count);
    database.prepare(`pragma max_page_count = ${isFull ? pages : 1_000_000}`).get();
  };
  await withSqlite(atBegin, async () => {
    await assert.rejects(store.commit(), { kind: 'no-room' });
    isFull = false;
    await executeValues(store, values);
    assert.equal(hex((await store.commit()).digest), hex(modelOf(values).digest));
  });
  assert.equal((await store.scrub(Number.POSITIVE_INFINITY)).damage, undefined);
  await store.close();
  assert.equal(
    historyText(directory),
    modelOf(values)
      .lines.map((line) => `${line}\n`)
      .join(''),
  );
});

test('a checkpoint whose committed history is gone is not opened', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  await executeValues(store, values);
  await store.commit();
  await store.close();
  truncateSync(`${directory}/history/0000000000000001.ndjson`, 1_000);
  await assert.rejects(storeIn(directory).open(), { code: 'checkpoint-damaged' });
});

test('a database without its tables is damage; one that was never written is created', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  await store.close();
  tamper(directory, "delete from meta where key = 'checkpoint'");
  await assert.rejects(storeIn(directory).open(), { code: 'checkpoint-damaged' });
});
