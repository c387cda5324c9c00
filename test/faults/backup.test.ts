import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { freePort, loggos, request, ServerProcess, temporaryDirectory } from '../support/server-process.ts';

const accountCount = 20;
const startBalance = 1_000;

const put = (url: string, path: string, document: unknown, headers: Record<string, string> = {}) =>
  request(`${url}/v1/documents/${path}`, { method: 'PUT', body: JSON.stringify(document), headers });

/** Moves money between two accounts by transactions that are conditional on both revisions. */
async function moveMoney(url: string, stop: AbortSignal): Promise<number> {
  let moved = 0;
  for (let turn = 0; !stop.aborted; turn++) {
    const [from, to] = [turn % accountCount, (turn * 7 + 3) % accountCount];
    if (from === to) continue;
    const read = async (account: number) => {
      const answer = await request(`${url}/v1/documents/accounts/a${account}`);
      return { balance: (JSON.parse(answer.text) as { balance: number }).balance, tag: answer.headers.get('etag') };
    };
    const [source, target] = await Promise.all([read(from), read(to)]);
    const operation = (account: number, balance: number, tag: string | null) => ({
      op: 'put',
      collection: 'accounts',
      id: `a${account}`,
      document: { balance },
      ifRevision: tag?.replaceAll('"', ''),
    });
    const answer = await request(`${url}/v1/transactions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        operations: [operation(from, source.balance - 1, source.tag), operation(to, target.balance + 1, target.tag)],
      }),
    });
    assert(answer.status === 200 || answer.status === 412, answer.text);
    if (answer.status === 200) moved++;
  }
  return moved;
}

async function balances(url: string): Promise<number> {
  const answer = await request(`${url}/v1/documents/accounts?limit=1000`);
  const { items } = JSON.parse(answer.text) as { items: { document: { balance: number } }[] };
  assert.equal(items.length, accountCount);
  return items.reduce((sum, item) => sum + item.document.balance, 0);
}

suite('a backup made under load', () => {
  const cleanUp: (() => Promise<void>)[] = [];
  let directory = '';
  let server: ServerProcess;
  let backup = '';
  let lateCursor = '';
  let latePosition = 0;
  let parentHistory = '';

  before(async () => {
    directory = await temporaryDirectory({ after: (action) => cleanUp.push(action) });
    server = new ServerProcess(join(directory, 'source'), await freePort());
    await server.start();
    for (let account = 0; account < accountCount; account++) {
      await put(server.url, `accounts/a${account}`, { balance: startBalance });
    }
    await put(server.url, 'keys/one', { n: 1 }, { 'Idempotency-Key': 'key-one' });
    const stop = new AbortController();
    const movers = Promise.all(Array.from({ length: 4 }, () => moveMoney(server.url, stop.signal)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    backup = join(directory, 'backup.tar');
    const made = await loggos('backup', '--url', server.url, '--to', backup);
    stop.abort();
    const moved = (await movers).reduce((sum, count) => sum + count, 0);
    assert.equal(made.code, 0, made.stderr);
    assert(moved > 20, `money moved meanwhile: ${moved}`);
    const late = await put(server.url, 'late/one', { n: 1 });
    latePosition = (JSON.parse(late.text) as { position: number }).position;
    parentHistory = late.headers.get('loggos-history') ?? '';
    const events = await request(`${server.url}/v1/events?after=${latePosition - 1}`);
    lateCursor = (JSON.parse(events.text) as { cursor: string }).cursor;
  });
  after(async () => {
    await server.kill();
    for (const action of cleanUp) await action();
  });

  test('passes verify, and keeps the sum of all accounts after a restore', async (context) => {
    const verified = await loggos('verify', backup);
    assert.equal(verified.code, 0, verified.stderr);
    const data = join(directory, 'restored');
    const dry = await loggos('restore', backup, '--data', data, '--dry-run');
    assert.equal(dry.code, 0, dry.stderr);
    assert(!existsSync(data) || (await readdir(data)).length === 0, 'a dry run writes nothing');
    const restored = await loggos('restore', backup, '--data', data);
    assert.equal(restored.code, 0, restored.stderr);
    const again = await loggos('restore', backup, '--data', data);
    assert.equal(again.code, 1, 'a directory that holds data is refused');
    const copy = new ServerProcess(data, await freePort());
    context.after(() => copy.kill());
    await copy.start();
    assert.equal(await balances(copy.url), accountCount * startBalance);
    // What clients remember from before the restore is told the truth.
    const replayed = await put(copy.url, 'keys/one', { n: 1 }, { 'Idempotency-Key': 'key-one' });
    assert.equal(replayed.headers.get('idempotency-replayed'), 'true');
    const written = await put(copy.url, 'keys/one', { n: 2 });
    assert.match(written.headers.get('etag') ?? '', /^"2-.{6}"$/);
    const stale = await put(copy.url, 'keys/one', { n: 3 }, { 'If-Match': '"2"' });
    assert.equal(stale.status, 412);
    const diverged = await request(`${copy.url}/v1/events?after=${encodeURIComponent(lateCursor)}`);
    assert.equal(diverged.status, 409, diverged.text);
    const problem = JSON.parse(diverged.text) as { code: string; lastCommonPosition: number };
    assert.equal(problem.code, 'history-diverged');
    assert(problem.lastCommonPosition < latePosition);
    const remembered = await request(`${copy.url}/v1/documents/keys/one`, {
      headers: { 'Loggos-History': parentHistory, 'Loggos-Min-Position': String(latePosition) },
    });
    assert.equal(remembered.status, 409, remembered.text);
    // A second start, and the digest is that of the manifest's instance.
    await copy.end();
    await copy.start();
    assert.equal(await balances(copy.url), accountCount * startBalance);
  });

  test('reads with stock tools', async (context) => {
    const unpacked = join(directory, 'unpacked');
    await mkdir(unpacked);
    execFileSync('tar', ['-xf', backup, '-C', unpacked]);
    assert.equal((await loggos('verify', unpacked)).code, 0);
    const manifest = JSON.parse(await readFile(join(unpacked, 'manifest.json'), 'utf8')) as {
      position: number;
      files: { name: string }[];
    };
    let lines = 0;
    for (const { name } of manifest.files.filter((file) => file.name.includes('history/'))) {
      const bytes = await readFile(join(unpacked, name));
      const text = name.endsWith('.zst') ? zstdDecompressSync(bytes).toString() : bytes.toString();
      for (const line of text.split('\n').filter((line) => line !== '')) {
        assert.equal((JSON.parse(line) as { position: number }).position, ++lines);
      }
    }
    assert.equal(lines, manifest.position);
    const database = manifest.files.find((file) => file.name.endsWith('documents.sqlite'))?.name;
    assert(database !== undefined);
    if (!existsSync('/usr/bin/sqlite3'))
      return context.diagnostic('sqlite3 is not installed: node:sqlite reads it instead');
    const sum = execFileSync('sqlite3', [
      join(unpacked, database),
      "select sum(json_extract(body, '$.balance')) from documents where collection = 'accounts'",
    ]);
    assert.equal(Number(sum), accountCount * startBalance);
  });

  test('with a flipped byte anywhere is refused, and nothing is written', async () => {
    const bytes = await readFile(backup);
    for (let place = 0; place < 12; place++) {
      const damaged = Buffer.from(bytes);
      const offset = Math.floor(((place + 0.5) / 12) * (bytes.length - 1_024));
      damaged[offset] = (damaged[offset] ?? 0) ^ 1;
      const file = join(directory, 'damaged.tar');
      await writeFile(file, damaged);
      const verified = await loggos('verify', file);
      const data = join(directory, `damaged-${place}`);
      const restored = await loggos('restore', file, '--data', data);
      // Padding between entries carries nothing: a flip there may be refused or ignored, never half restored.
      if (verified.code === 0) assert.equal(restored.code, 0);
      else {
        assert.equal(restored.code, 1, `offset ${offset}`);
        assert(!existsSync(join(data, 'identity.json')), 'nothing that starts is left');
      }
      assert.doesNotMatch(verified.stderr, /\n\s+at /);
    }
  });
});
