import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { verifyInWorker } from '../../src/server/verify-in-worker.ts';
import { checkpointWith, tamper } from '../documents/store/temporary.ts';
import { puts } from '../documents/store/values.ts';

const filesIn = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = `${entry.parentPath}/${entry.name}`;
      return { name: path.slice(directory.length + 1), bytes: statSync(path).size, sealed: false };
    });

test('a checkpoint is verified in a thread of its own while this one goes on, and rot is told as what it is', async () => {
  const directory = await checkpointWith(puts(50));
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 1);
  const verified = await verifyInWorker(directory, filesIn(directory));
  clearInterval(ticking);
  assert.equal(verified.instance, 50);
  assert.equal(verified.fingerprint.byteLength, 32);
  assert.ok(turns > 1, 'timers ran meanwhile');
  tamper(directory, "update documents set body = replace(body, '{', ' {')");
  await assert.rejects(verifyInWorker(directory, filesIn(directory)), { code: 'snapshot-damaged' });
});

test('an abort ends it at once, with the reason', async () => {
  const directory = await checkpointWith(puts(50));
  const reason = new Error('planned');
  await assert.rejects(verifyInWorker(directory, filesIn(directory), AbortSignal.abort(reason)), reason);
  const giveUp = new AbortController();
  const verifying = verifyInWorker(directory, filesIn(directory), giveUp.signal);
  giveUp.abort(reason);
  await assert.rejects(verifying, reason);
});
