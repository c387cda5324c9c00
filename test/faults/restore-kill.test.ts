import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { entry, freePort, loggos, request, ServerProcess, temporaryDirectory } from '../support/server-process.ts';

const killCount = 30;
/** A start is slow beside a kill: so many of the killed ones are started, the others only restored again. */
const startEvery = 10;

/** Runs a restore and kills it after a while. @returns whether it was killed before it ended */
async function restoreKilled(backup: string, data: string, afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [entry, 'restore', backup, '--data', data], { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearTimeout(timer);
  assert(signal === 'SIGKILL' || code === 0, `a restore ends well or is killed: ${code}`);
  return signal === 'SIGKILL';
}

test('a restore that is killed at any moment leaves nothing that starts half, and can be run again', async (context) => {
  const directory = await temporaryDirectory(context);
  const source = new ServerProcess(join(directory, 'source'), await freePort());
  context.after(() => source.kill());
  await source.start();
  const operations = Array.from({ length: 500 }, (_, n) => ({
    op: 'put',
    collection: 'many',
    id: `m${n}`,
    document: { n, text: `text ${n} ${'abcdefgh'.repeat(20)}` },
  }));
  for (let turn = 0; turn < 20; turn++) {
    const answer = await request(`${source.url}/v1/transactions`, {
      method: 'POST',
      body: JSON.stringify({ operations }),
    });
    assert.equal(answer.status, 200, answer.text);
  }
  const backup = join(directory, 'backup.tar');
  const made = await loggos('backup', '--url', source.url, '--to', backup);
  assert.equal(made.code, 0, made.stderr);
  const { position, digest } = JSON.parse((await request(`${source.url}/v1/digest`)).text) as {
    position: number;
    digest: string;
  };
  await source.end();

  const startedAt = Date.now();
  const whole = join(directory, 'whole');
  assert.equal(await restoreKilled(backup, whole, 60_000), false);
  let wholeMs = Date.now() - startedAt;

  /** Starts there: it must be the whole backup, or a refusal that says what to do. */
  const isWholeOrRefused = async (data: string): Promise<boolean> => {
    const server = new ServerProcess(data, await freePort());
    server.spawn();
    const refused = server.exited();
    const ready = server.ready(30_000);
    if ((await Promise.race([refused.then(() => 'refused'), ready.then(() => 'ready')])) === 'refused') {
      assert.match(server.output, /cut short: run it again/);
      await ready.catch(() => undefined);
      return false;
    }
    try {
      const now = JSON.parse((await request(`${server.url}/v1/digest`)).text) as { position: number; digest: string };
      assert.deepEqual({ position: now.position, digest: now.digest }, { position, digest });
      return true;
    } finally {
      await server.kill();
    }
  };
  const counts = { killed: 0, nothing: 0, unfinished: 0, whole: 0 };
  for (let turn = 0; turn < killCount; turn++) {
    const data = join(directory, `killed-${turn}`);
    // Spread over the whole of it, the first part apart: there it only starts.
    const afterMs = wholeMs * (0.25 + (1.05 * (turn + 0.5)) / killCount);
    if (await restoreKilled(backup, data, afterMs)) counts.killed += 1;
    // It came to its end before: the machine is quicker than it was when it was measured.
    else wholeMs *= 0.85;
    const isStarted = existsSync(join(data, 'identity.json'));
    const isBegun = existsSync(join(data, 'restoring'));
    if (isStarted) counts.whole += 1;
    else if (isBegun) counts.unfinished += 1;
    else counts.nothing += 1;
    assert(isStarted || isBegun || !existsSync(join(data, 'databases')), 'what was begun says so');
    // An empty directory may be started: it is a new replica's then.
    if (turn % startEvery === 0 && (isStarted || isBegun)) assert.equal(await isWholeOrRefused(data), isStarted);
    if (turn % startEvery === 3 && !isStarted) {
      const again = await loggos('restore', backup, '--data', data);
      assert.equal(again.code, 0, again.stderr);
      assert(!existsSync(join(data, 'restoring')));
      if (turn > killCount - startEvery) assert.equal(await isWholeOrRefused(data), true);
    }
  }
  assert(counts.killed > killCount / 2, JSON.stringify(counts));
  assert(counts.unfinished > 0, `some were cut in the middle: ${JSON.stringify(counts)}`);
  context.diagnostic(`a restore takes ${wholeMs} ms; ${JSON.stringify(counts)}`);
});
