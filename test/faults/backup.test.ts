import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { printSealed, readSealed } from '../../src/checkpoint/sealed-json.ts';
import { blockBytes, endOfTar, entry, splitTar } from '../checkpoint/support/hostile-tar.ts';
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
    const dryDigest = /digest ([\w-]{43})/.exec(dry.stdout)?.[1];
    const digest = JSON.parse((await request(`${copy.url}/v1/digest`)).text) as { digest: string };
    assert.equal(digest.digest, dryDigest, 'the digest is that of the manifest');
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
    // And again after a second start.
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

  test('with sealed history reads with stock zstdcat, jq and sqlite3', async (context) => {
    const tools = ['zstdcat', 'jq', 'sqlite3'];
    const missing = tools.filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
    if (missing.length > 0) return context.diagnostic(`not installed here: ${missing.join(', ')}`);
    const large = new ServerProcess(join(directory, 'large'), await freePort());
    context.after(() => large.kill());
    await large.start();
    const eventCount = 17_000;
    for (let first = 0; first < eventCount; first += 500) {
      const operations = Array.from({ length: 500 }, (_, index) => {
        const n = first + index;
        return { op: 'put', collection: 'many', id: `m${n % 1_000}`, document: { n } };
      });
      const answer = await request(`${large.url}/v1/transactions`, {
        method: 'POST',
        body: JSON.stringify({ operations }),
      });
      assert.equal(answer.status, 200, answer.text);
    }
    const tar = join(directory, 'large.tar');
    // A file is sealed by the commit after the one that filled it.
    for (const until = Date.now() + 20_000; ; ) {
      await put(large.url, 'many/last', { last: true });
      assert.equal((await loggos('backup', '--url', large.url, '--to', tar)).code, 0);
      if (execFileSync('tar', ['-tf', tar], { encoding: 'utf8' }).includes('.ndjson.zst')) break;
      assert.ok(Date.now() < until, 'a file is sealed');
    }
    const unpacked = join(directory, 'large-unpacked');
    await mkdir(unpacked);
    execFileSync('tar', ['-xf', tar, '-C', unpacked]);
    const history = join(unpacked, 'machine-1/history');
    const shell = (text: string): string =>
      execFileSync('sh', ['-c', text], { cwd: history, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    const sealed = shell('zstdcat *.ndjson.zst | jq .position').split('\n').map(Number).slice(0, -1);
    const plain = shell('cat *.ndjson | jq .position').split('\n').map(Number).slice(0, -1);
    const positions = [...sealed, ...plain];
    assert.ok(sealed.length >= 16_384 && positions.length > eventCount);
    assert.ok(positions.every((position, index) => position === index + 1));
    assert.equal(shell("zstdcat *.ndjson.zst | jq -r 'select(.position == 7).document.n'"), '6\n');
    const query = "select count(*), max(json_extract(body, '$.n')) from documents where collection = 'many'";
    const rows = execFileSync('sqlite3', [join(unpacked, 'machine-1/documents.sqlite'), query], { encoding: 'utf8' });
    assert.equal(rows, `1001|${eventCount - 1}\n`);
  });

  test('with one flipped byte anywhere is refused, and nothing is written', async () => {
    const bytes = await readFile(backup);
    const entries = splitTar(bytes);
    const [manifest, group] = entries;
    assert(manifest !== undefined && group !== undefined);
    const padded = entries.findIndex(({ bytes: whole, content }) => whole.length > blockBytes + content.length);
    const startOf = (index: number) => entries.slice(0, index).reduce((sum, each) => sum + each.bytes.length, 0);
    const offsets = {
      'a name': startOf(1) + 2,
      "a header's checksum": startOf(1) + 154,
      'the manifest': blockBytes + Math.floor(manifest.content.length / 2),
      'group.json': startOf(1) + blockBytes + 10,
      padding: startOf(padded + 1) - 1,
      'the middle': Math.floor(bytes.length / 2),
      'the last file': bytes.length - 4 * blockBytes,
      'the end mark': bytes.length - 1,
    };
    for (const [place, offset] of Object.entries(offsets)) {
      const damaged = Buffer.from(bytes);
      damaged[offset] = (damaged[offset] ?? 0) ^ 1;
      await assertRefused(place, damaged);
    }
  });

  test('that was tampered with is refused, also under a seal of its own, and nothing is written outside', async () => {
    const entries = splitTar(await readFile(backup));
    const [first, ...rest] = entries.map((each) => each.bytes);
    assert(first !== undefined && entries[0] !== undefined);
    const evil = Buffer.from('evil');
    const archiveOf = (...parts: Buffer[]) => Buffer.concat([...parts, endOfTar]);
    const manifest = readSealed(entries[0].content, 'manifest.json', 'snapshot-damaged').body as { files: object[] };
    const sha256 = createHash('sha256').update(evil).digest('base64url');
    const naming = (name: string) => {
      const body = { ...manifest, files: [...manifest.files, { name, bytes: evil.length, sha256 }] };
      return entry('manifest.json', printSealed(body));
    };
    const shorter = { ...manifest, files: manifest.files.slice(0, -1) };
    const last = entries.at(-1);
    assert(last !== undefined);
    const archives: Record<string, Buffer> = {
      'an entry is missing': archiveOf(first, ...rest.slice(0, -1)),
      'an entry is missing that the manifest, sealed again, does not name': archiveOf(
        entry('manifest.json', printSealed(shorter)),
        ...rest.slice(0, -1),
      ),
      'an entry that no manifest names': archiveOf(first, ...rest, entry('machine-1/evil', evil)),
      'an entry after the end': Buffer.concat([archiveOf(first, ...rest), archiveOf(entry('machine-1/evil', evil))]),
      '.. in a name': archiveOf(first, ...rest, entry('../evil', evil)),
      '.. in a name that the manifest has': archiveOf(naming('../evil'), ...rest, entry('../evil', evil)),
      '.. deeper in a name that the manifest has': archiveOf(
        naming('machine-1/../../../evil'),
        ...rest,
        entry('machine-1/../../../evil', evil),
      ),
      'an absolute name': archiveOf(naming('/tmp/loggos-evil'), ...rest, entry('/tmp/loggos-evil', evil)),
      'a symbolic link': archiveOf(first, entry('machine-1', new Uint8Array(), { type: '2', linkname: '..' }), ...rest),
      'a hard link': archiveOf(first, entry('group.json', new Uint8Array(), { type: '1', linkname: '/etc/passwd' })),
      'a size that is too small': archiveOf(first, ...rest.slice(0, -1), entry(last.name, last.content.subarray(1))),
      'a size that is too large': archiveOf(
        first,
        ...rest.slice(0, -1),
        entry(last.name, Buffer.concat([last.content, evil])),
      ),
      'no end': Buffer.concat([first, ...rest]),
    };
    for (const [what, archive] of Object.entries(archives)) await assertRefused(what, archive);
    assert(!existsSync('/tmp/loggos-evil'));
  });

  /** `verify` and `restore` refuse it with exit code 1 and one line, and leave nothing anywhere. */
  async function assertRefused(what: string, archive: Buffer): Promise<void> {
    const place = await mkdtemp(join(directory, 'hostile-'));
    const file = join(place, 'backup.tar');
    await mkdir(join(place, 'inner'));
    await writeFile(file, archive);
    const data = join(place, 'inner', 'data');
    const results = await Promise.all([loggos('verify', file), loggos('restore', file, '--data', data)]);
    for (const { code, stderr } of results) {
      assert.equal(code, 1, `${what}: ${stderr}`);
      assert.doesNotMatch(stderr, /\n\s+at /, what);
    }
    const left = (await readdir(place, { recursive: true })).sort();
    assert.deepEqual(left, ['backup.tar', 'inner'], what);
  }
});
