import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DatabaseParts, DocumentDatabase } from '../../src/server/document-database.ts';
import { ManualClock } from '../checkpoint/support/manual-clock.ts';

/** A database whose floors below answer that they were asked. */
function databaseWith(damage: () => string | undefined, logRoomBytes = 1_000_000, state?: object) {
  const asked: string[] = [];
  const answer = (what: string) => async () => {
    asked.push(what);
    return what;
  };
  const parts = {
    name: 'main',
    clock: new ManualClock(),
    machine: { state: { position: 0 }, onApplied: () => () => undefined },
    replica: { canRead: state === undefined, state, propose: answer('propose'), linearizable: answer('linearizable') },
    manager: {
      replayer: { status: { state: 'running', lag: 0 } },
      createSnapshot: answer('create'),
      openSnapshot: answer('open'),
      listSnapshots: answer('list'),
      removeSnapshot: answer('remove'),
    },
    reader: {},
    checkpoint: {},
    logRoomBytes: () => logRoomBytes,
    damage,
  };
  return { database: new DocumentDatabase(parts as unknown as DatabaseParts), asked };
}

test('what is known to be damaged is no source of snapshots; those that are there may be listed and dropped (E5)', async () => {
  let damage: string | undefined;
  const { database, asked } = databaseWith(() => damage);
  await database.snapshots.create();
  await database.snapshots.open(7);
  damage = 'the two executions differ';
  await assert.rejects(database.snapshots.create(), { code: 'checkpoint-damaged' });
  await assert.rejects(database.snapshots.open(7), { code: 'checkpoint-damaged' });
  await database.snapshots.list();
  await database.snapshots.remove(7);
  assert.deepEqual(asked, ['create', 'open', 'list', 'remove']);
  assert.deepEqual(
    database.readiness().map(({ name, ok, detail }) => [name, ok, detail]),
    [
      ['leader', true, undefined],
      ['log', true, undefined],
      ['checkpoint', false, damage],
      ['replayer', true, undefined],
    ],
  );
});

test('who is not ready says why, and a log without room is told though reads go on', () => {
  const readOnly = databaseWith(() => undefined, 0, { name: 'read-only', reason: 'The log is damaged at instance 7.' });
  assert.deepEqual(readOnly.database.readiness().slice(0, 2), [
    { name: 'leader', ok: false, detail: 'The log is damaged at instance 7.' },
    { name: 'log', ok: true, detail: 'the disk has no room for it to grow' },
  ]);
});
