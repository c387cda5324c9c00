import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { type DatabaseParts, DocumentDatabase } from '../../src/server/document-database.ts';
import { ManualClock } from '../checkpoint/support/manual-clock.ts';

/** A database whose floors below answer that they were asked. */
function databaseWith(
  damage: () => LoggosError | undefined,
  logRoomBytes = 1_000_000,
  state?: object,
  exclusion?: LoggosError,
) {
  const asked: string[] = [];
  const answer = (what: string) => async () => {
    asked.push(what);
    return what;
  };
  const parts = {
    name: 'main',
    clock: new ManualClock(),
    machine: { state: { position: 0 }, onApplied: () => () => undefined },
    replica: {
      canRead: state === undefined,
      state,
      exclusion,
      propose: answer('propose'),
      linearizable: answer('linearizable'),
    },
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
  let damage: LoggosError | undefined;
  const { database, asked } = databaseWith(() => damage);
  await database.snapshots.create();
  await database.snapshots.open(7);
  damage = new LoggosError('diverged', 'the two executions differ');
  await assert.rejects(database.snapshots.create(), { code: 'diverged' });
  await assert.rejects(database.snapshots.open(7), { code: 'diverged' });
  await database.snapshots.list();
  await database.snapshots.remove(7);
  assert.deepEqual(asked, ['create', 'open', 'list', 'remove']);
  assert.deepEqual(
    database.readiness().map(({ name, ok, detail }) => [name, ok, detail]),
    [
      ['leader', true, undefined],
      ['log', true, undefined],
      ['checkpoint', false, 'the two executions differ'],
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

test('a replica that is no fit member any more takes no writes, confirms no reads and gives no snapshots', async () => {
  const reason = 'The membership chosen at instance 40 does not have this replica any more.';
  const removed = new LoggosError('not-a-member', reason);
  const { database, asked } = databaseWith(() => undefined, 1_000_000, { name: 'excluded', reason }, removed);
  await assert.rejects(database.snapshots.create(), removed);
  await assert.rejects(async () => database.linearizable(0), removed);
  await assert.rejects(async () => database.write({} as never, 0), removed);
  assert.deepEqual(asked, []);
  assert.equal(database.readiness()[0]?.detail, reason);
});
