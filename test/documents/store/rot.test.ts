import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../../src/base/errors.ts';
import { InThreadCheckpointReader } from '../../../src/documents/store/in-thread-reader.ts';
import { LiveRows } from '../../../src/documents/store/live-rows.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';
import { machineValue, put } from './proposals.ts';
import { checkpointWith, storeIn, tamper } from './temporary.ts';
import { puts } from './values.ts';

const isDamage = (error: unknown) => error instanceof LoggosError && error.code === 'checkpoint-damaged';
const rotten = 'document-0003';

const rotOfRows: Readonly<Record<string, string>> = {
  body: `update documents set body = replace(body, 'number', 'numbes') where id = '${rotten}'`,
  hash: `update documents set hash = zeroblob(32) where id = '${rotten}'`,
  'hash cut short': `update documents set hash = substr(hash, 1, 31) where id = '${rotten}'`,
  back: `update documents set back = '2' where id = '${rotten}'`,
  'back that is no list': `update documents set back = 'x' where id = '${rotten}'`,
  revision: `update documents set revision = revision + 1 where id = '${rotten}'`,
  'revision that no number holds': `update documents set revision = 9223372036854775807 where id = '${rotten}'`,
  position: `update documents set position = position - 1 where id = '${rotten}'`,
  time: `update documents set time = time + 1 where id = '${rotten}'`,
  deleted: `update documents set deleted = 1 where id = '${rotten}'`,
  'deleted that is no flag': `update documents set deleted = 2 where id = '${rotten}'`,
  "another document's content": `replace into documents
    select collection, '${rotten}', revision, position, time, deleted, back, body, hash from documents where id = 'document-0004'`,
};

for (const [column, statement] of Object.entries(rotOfRows)) {
  test(`rot in a row (${column}) is never served, never executed upon, and found by a scrub`, async () => {
    const directory = await checkpointWith(puts(30));
    tamper(directory, statement);
    const store = storeIn(directory);
    await store.open();
    const live = new LiveRows({ directory, hashes: systemHashes });
    live.open();
    assert.throws(() => live.row('things', rotten), isDamage);
    assert.notEqual(live.row('things', 'document-0001'), undefined);
    live.close();
    const reader = new InThreadCheckpointReader({ directory, disk: new SyncDisk(), hashes: systemHashes });
    await reader.open();
    await assert.rejects(reader.rows('things', undefined, 100), isDamage);
    assert.equal((await reader.rows('things', undefined, 2)).length, 2);
    await reader.close();
    assert.match(String((await scrubWhole(store)).damage), /damaged/);
    const value = machineValue(1_800_000_000_000, put('x'.repeat(21), rotten, {}));
    await assert.rejects(store.execute([{ instance: 31, value }]), isDamage);
    await store.close();
  });
}

const rotElsewhere: Readonly<Record<string, string>> = {
  'a row that is gone': "delete from documents where id = 'document-0003'",
  'a recorded digest': 'update digests set position = position + 1',
  'a remembered outcome': "update dedupe set result = replace(result, 'revision', 'revisiom')",
};

for (const [place, statement] of Object.entries(rotElsewhere)) {
  test(`a scrub finds ${place}`, async () => {
    const values = puts(999);
    values.push(machineValue(1_700_000_001_000, put('y'.repeat(21), 'keyed', {}, 'key')));
    const directory = await checkpointWith(values);
    tamper(directory, statement);
    const store = storeIn(directory);
    await store.open();
    assert.match(String((await scrubWhole(store)).damage), /damaged/);
    await store.close();
  });
}

test('a remembered outcome that rotted is not replayed', async () => {
  const value = machineValue(1, put('y'.repeat(21), 'keyed', {}, 'key'));
  const directory = await checkpointWith([value]);
  tamper(directory, 'update dedupe set time = time + 1');
  const store = storeIn(directory);
  await store.open();
  await assert.rejects(store.execute([{ instance: 2, value }]), isDamage);
  await store.close();
});

for (const key of ['checkpoint', 'historyEnd', 'format']) {
  test(`a checkpoint whose meta row ${key} rotted is not opened`, async () => {
    const directory = await checkpointWith(puts(5));
    tamper(directory, "update meta set value = value || ' ' where key = ?", key);
    await assert.rejects(storeIn(directory).open(), isDamage);
  });
}

test('a checkpoint of another format is not opened', async () => {
  const directory = await checkpointWith(puts(5));
  const crc = systemHashes.crc32(Buffer.from(JSON.stringify(['format', '2'])));
  tamper(directory, "update meta set value = '2', crc = ? where key = 'format'", crc);
  await assert.rejects(storeIn(directory).open(), { code: 'directory-unusable' });
});

async function scrubWhole(store: ReturnType<typeof storeIn>) {
  for (;;) {
    const step = await store.scrub(2_000);
    if (step.done || step.damage !== undefined) return step;
  }
}
