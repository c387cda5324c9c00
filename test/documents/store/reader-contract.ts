import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckpointReader } from '../../../src/documents/store/checkpoint-reader.ts';
import type { CheckpointStore } from '../../../src/documents/store/checkpoint-store.ts';
import { modelOf } from './model.ts';
import { machineValue, put } from './proposals.ts';
import { hex } from './store-contract.ts';
import { executeValues, storeIn, temporaryDirectory } from './temporary.ts';
import { puts } from './values.ts';

/** What every checkpoint reader promises; each implementation runs it. */
export function readerContract(
  name: string,
  readerOf: (directory: string) => CheckpointReader,
  storeOf: (directory: string) => CheckpointStore = storeIn,
): void {
  const opened = async (action: (store: CheckpointStore, reader: CheckpointReader) => Promise<void>) => {
    const directory = temporaryDirectory();
    const store = storeOf(directory);
    await store.open();
    const reader = readerOf(directory);
    await reader.open();
    try {
      await action(store, reader);
    } finally {
      await reader.close();
      await store.close();
    }
  };

  test(`${name}: an empty checkpoint has no rows and no lines`, () =>
    opened(async (_store, reader) => {
      assert.equal(await reader.lastPosition(), 0);
      assert.deepEqual(await reader.rows('things', undefined, 10), []);
      assert.equal(await reader.line(1), undefined);
      assert.equal(await reader.positionAtTime(Date.now()), 0);
    }));

  test(`${name}: rows and lines are those of the newest commit and never of what is not committed`, () =>
    opened(async (store, reader) => {
      const values = puts(9);
      for (let at = 0; at < 9; at += 3) {
        await executeValues(store, values.slice(at, at + 3), at);
        const before = modelOf(values.slice(0, at));
        assert.equal(await reader.lastPosition(), before.lines.length);
        assert.equal(await reader.line(before.lines.length + 1), undefined);
        await store.commit();
        const after = modelOf(values.slice(0, at + 3));
        assert.equal(await reader.lastPosition(), after.lines.length);
        assert.equal(await reader.line(after.lines.length), after.lines.at(-1));
        assert.equal((await reader.rows('things', undefined, 100)).length, after.rows.size);
        assert.equal(hex(await reader.chainAt(after.lines.length)), hex(after.state.chain));
      }
      const { lines, scannedTo } = await reader.lines({ after: 2, countMax: 5, bytesMax: 100_000, scanMax: 100 });
      assert.deepEqual(
        lines.map(({ line }) => line),
        modelOf(values).lines.slice(2, 7),
      );
      assert.equal(scannedTo, 7);
      assert.equal(await reader.positionAtTime(1_700_000_000_003), 8);
    }));

  test(`${name}: a collection is paged in the order of its ids' UTF-8 bytes, each row once`, () =>
    opened(async (store, reader) => {
      const ids = ['b', 'a', 'ab', '\uffee', '\ud83d\ude00', 'é', 'Z', 'a b'];
      const proposals = ids.map((id, index) => put(`proposal-${index}`.padEnd(21, '-'), id, { index }));
      await executeValues(store, [machineValue(1, ...proposals)]);
      await store.commit();
      const paged: string[] = [];
      for (let afterId: string | undefined; ; afterId = paged.at(-1)) {
        const rows = await reader.rows('things', afterId, 3);
        if (rows.length === 0) break;
        paged.push(...rows.map(({ documentId }) => documentId));
      }
      assert.deepEqual(
        paged,
        [...ids].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))),
      );
      assert.deepEqual(await reader.rows('other', undefined, 3), []);
    }));

  test(`${name}: a walk follows one document's events from the newest back`, () =>
    opened(async (store, reader) => {
      const values = puts(40, 2, 4);
      await executeValues(store, values);
      await store.commit();
      const { lines } = modelOf(values);
      const newest = lines.length;
      const walked = await reader.walk({ from: newest, countMax: 3, revisionMax: 7 });
      const ofDocument = lines
        .map((line) => JSON.parse(line))
        .filter(({ documentId }) => documentId === 'document-0003');
      assert.deepEqual(
        walked.map(({ line }) => JSON.parse(line)),
        ofDocument.slice(4, 7).reverse(),
      );
      await reader.refresh();
      assert.equal(await reader.line(newest), lines.at(-1));
    }));
}
