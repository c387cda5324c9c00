import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { CheckpointStore } from '../../../src/documents/store/checkpoint-store.ts';
import { modelOf } from './model.ts';
import { machineValue, put } from './proposals.ts';
import { executeValues, historyText, temporaryDirectory } from './temporary.ts';
import { puts } from './values.ts';

/** A kind of store, and how a test looks at what it left. */
export interface StoreUnderTest {
  storeOf(directory: string): CheckpointStore;
  /** The lines of all history files, in order. */
  historyText(directory: string): string;
  /** What a copy of the rows says of itself, opened alone. */
  inspectCopy(
    path: string,
  ): Promise<{ readonly bytes: number; readonly instance: number; readonly documentCount: number }>;
  /** The idempotency keys that a closed store remembers. */
  rememberedKeys(directory: string): Promise<readonly string[]>;
}

/** Over real files and SQLite. */
export function onFiles(storeOf: (directory: string) => CheckpointStore): StoreUnderTest {
  return { storeOf, historyText, inspectCopy: inspectSqliteCopy, rememberedKeys: keysInSqlite };
}

/** What every checkpoint store promises; each implementation runs it. */
export function storeContract(
  name: string,
  { storeOf, historyText, inspectCopy, rememberedKeys }: StoreUnderTest,
): void {
  const opened = async (action: (store: CheckpointStore, directory: string) => Promise<void>) => {
    const directory = temporaryDirectory();
    const store = storeOf(directory);
    await store.open();
    try {
      await action(store, directory);
    } finally {
      await store.close();
    }
  };

  test(`${name}: a new checkpoint is at instance 0 and holds nothing`, async () => {
    const store = storeOf(temporaryDirectory());
    const head = await store.open();
    assert.equal(head.state.instance, 0);
    assert.equal(head.documentCount, 0);
    assert.deepEqual([...head.digest], [...new Uint8Array(32)]);
    await store.close();
  });

  test(`${name}: execution gives the model's fingerprints, and the commit its digest, chain and history`, () =>
    opened(async (store, directory) => {
      const values = [...puts(20), undefined, ...puts(3, 1)];
      const model = modelOf(values);
      assert.deepEqual((await executeValues(store, values)).map(hex), model.fingerprints.map(hex));
      const head = await store.commit();
      assert.equal(hex(head.digest), hex(model.digest));
      assert.equal(hex(head.state.chain), hex(model.state.chain));
      assert.equal(head.state.position, model.lines.length);
      assert.equal(head.documentCount, model.rows.size);
      assert.equal(historyText(directory), model.lines.map((line) => `${line}\n`).join(''));
    }));

  test(`${name}: what is committed is there after a restart; what is not is gone, and can be executed again`, async () => {
    const directory = temporaryDirectory();
    const values = puts(12);
    const first = storeOf(directory);
    await first.open();
    await executeValues(first, values.slice(0, 5));
    await first.commit();
    await executeValues(first, values.slice(5), 5);
    await first.close();
    const second = storeOf(directory);
    const head = await second.open();
    assert.equal(head.state.instance, 5);
    assert.equal(hex(head.digest), hex(modelOf(values.slice(0, 5)).digest));
    await executeValues(second, values.slice(5), 5);
    assert.equal(hex((await second.commit()).digest), hex(modelOf(values).digest));
    await second.close();
    assert.equal(
      historyText(directory),
      modelOf(values)
        .lines.map((line) => `${line}\n`)
        .join(''),
    );
  });

  test(`${name}: an instance that is covered is skipped and changes nothing (D6)`, () =>
    opened(async (store) => {
      const values = puts(6);
      await executeValues(store, values);
      const before = await store.commit();
      const fingerprints = await executeValues(store, values);
      assert.ok(fingerprints.every((fingerprint) => fingerprint.byteLength === 0));
      const after = await store.commit();
      assert.equal(hex(after.state.fingerprint), hex(before.state.fingerprint));
      assert.equal(after.state.position, before.state.position);
    }));

  test(`${name}: a gap is refused`, () =>
    opened(async (store) => {
      await assert.rejects(store.execute([{ instance: 2, value: undefined }]), /in order, without gaps/);
    }));

  test(`${name}: the digest is recorded at each multiple of 1,000 and where it is marked; the nearest is named`, () =>
    opened(async (store) => {
      const values = puts(1_003, 1);
      await executeValues(store, values);
      await store.markDigest();
      const thousand = modelOf(values.slice(0, 1_000));
      const recorded = await store.digestAt(1_000);
      assert.equal(hex(recorded?.digest), hex(thousand.digest));
      assert.equal(hex(recorded?.chain), hex(thousand.state.chain));
      assert.equal(recorded?.position, thousand.state.position);
      assert.equal(hex((await store.digestAt(1_003))?.digest), hex(modelOf(values).digest));
      assert.equal(await store.digestAt(999), undefined);
      assert.equal(await store.nearestDigest(1_001), 1_000);
      assert.equal(await store.nearestDigest(1), 1_000);
      assert.equal(await store.nearestDigest(9_999), 1_003);
    }));

  test(`${name}: a transaction that would go beyond a multiple of 1,000 is refused`, () =>
    opened(async (store) => {
      await assert.rejects(
        store.execute(puts(1_001, 1).map((value, index) => ({ instance: index + 1, value }))),
        /a transaction ends at each multiple/,
      );
    }));

  test(`${name}: a frozen copy is whole, opens alone and stays as it was while writing goes on`, () =>
    opened(async (store, directory) => {
      const values = puts(40, 5, 100);
      await executeValues(store, values.slice(0, 30));
      const frozenHead = await store.commit();
      const { databaseBytes } = await store.freeze();
      await executeValues(store, values.slice(30), 30);
      await store.commit();
      const copy = `${directory}/copy.sqlite`;
      await store.copyDatabase(copy);
      await store.thaw();
      const { bytes, instance, documentCount } = await inspectCopy(copy);
      assert.equal(bytes, databaseBytes);
      assert.equal(instance, 30);
      assert.equal(documentCount, frozenHead.documentCount);
      await executeValues(store, puts(1), 40);
      assert.equal((await store.commit()).state.instance, 41);
    }));

  test(`${name}: a scrub of a sound checkpoint finds nothing, with commits at any place of its pass`, () =>
    opened(async (store) => {
      const values = puts(60, 5, 50);
      let passes = 0;
      for (let at = 0; at < 60; at++) {
        await executeValues(store, values.slice(at, at + 1), at);
        await store.commit();
        for (let step = 0; step < 3; step++) {
          const { damage, done } = await store.scrub(1_000);
          assert.equal(damage, undefined);
          if (done) passes += 1;
        }
      }
      assert.ok(passes >= 1);
    }));

  test(`${name}: expired idempotency keys are dropped, and a key within the window is remembered after a restart`, async () => {
    const directory = temporaryDirectory();
    const day = 24 * 60 * 60 * 1_000;
    const values = [
      machineValue(1_000, put('a'.repeat(21), 'a', { n: 1 }, 'old')),
      machineValue(2_000, put('b'.repeat(21), 'b', { n: 1 }, 'kept')),
      machineValue(1_500 + day, put('c'.repeat(21), 'c', { n: 1 })),
    ];
    const store = storeOf(directory);
    await store.open();
    await executeValues(store, values);
    await store.commit();
    await store.close();
    assert.deepEqual(await rememberedKeys(directory), ['kept']);
    const again = storeOf(directory);
    await again.open();
    const repeated = [
      machineValue(1_600 + day, put('d'.repeat(21), 'b', { n: 1 }, 'kept'), put('e'.repeat(21), 'a', { n: 1 }, 'old')),
    ];
    const model = modelOf([...values, ...repeated]);
    assert.deepEqual((await executeValues(again, repeated, 3)).map(hex), model.fingerprints.slice(3).map(hex));
    assert.equal(hex((await again.commit()).digest), hex(model.digest));
    await again.close();
  });
}

async function inspectSqliteCopy(path: string): ReturnType<StoreUnderTest['inspectCopy']> {
  const database = new DatabaseSync(path, { readOnly: true });
  assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
  assert.deepEqual({ ...database.prepare('pragma journal_mode').get() }, { journal_mode: 'delete' });
  const meta = database.prepare("select value from meta where key = 'checkpoint'").get();
  const documentCount = Number(database.prepare('select count(*) as count from documents').get()?.count);
  database.close();
  assert.ok(!existsSync(`${path}-wal`) && !existsSync(`${path}-journal`));
  return {
    bytes: readFileSync(path).byteLength,
    instance: JSON.parse(String(meta?.value)).checkpointInstance,
    documentCount,
  };
}

async function keysInSqlite(directory: string): Promise<readonly string[]> {
  const database = new DatabaseSync(`${directory}/documents.sqlite`);
  const keys = database.prepare('select key from dedupe').all();
  database.close();
  return keys.map(({ key }) => String(key));
}

export function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}
