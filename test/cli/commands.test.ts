import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { entry, freePort, loggos, repository, ServerProcess, temporaryDirectory } from '../support/server-process.ts';

/** One server for all: what a person does, in order. */
const cleanUps: (() => Promise<void>)[] = [];
let server: ServerProcess;
let directory: string;

before(async () => {
  directory = await temporaryDirectory({ after: (action) => cleanUps.push(action) });
  server = new ServerProcess(join(directory, 'data'), await freePort(), ['--segment-bytes', '1MiB']);
  process.env.LOGGOS_URL = server.url;
  await server.start();
});

after(async () => {
  await server.kill();
  for (const cleanUp of cleanUps) await cleanUp();
});

async function done(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await loggos(...words);
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
  return stdout;
}

async function refused(expectedCode: number, problem: string, ...words: string[]): Promise<void> {
  const { code, stderr } = await loggos(...words);
  assert.equal(code, expectedCode, stderr);
  assert.match(stderr, new RegExp(`^loggos: [^\n]*\\(${problem}\\)\n$`));
}

test('a document is put, patched both ways, removed and read as it was', async () => {
  assert.equal(JSON.parse(await done('put', 'cities', 'gaios', '{"name":"Gaios"}')).revision, 1);
  const merged = await done(
    'patch',
    'cities',
    'gaios',
    '{"harbour":true}',
    '--if-revision',
    '1',
    '--event-type',
    'city.seen',
  );
  assert.equal(JSON.parse(merged).revision, 2);
  const patch = '[{"op":"add","path":"/people","value":494}]';
  assert.equal(JSON.parse(await done('patch', 'cities', 'gaios', patch)).revision, 3);
  assert.equal(await done('get', 'cities', 'gaios'), '{"name":"Gaios","harbour":true,"people":494}\n');
  assert.equal(await done('get', 'cities', 'gaios', '--revision', '1'), '{"name":"Gaios"}\n');
  assert.deepEqual(JSON.parse(await done('diff', 'cities', 'gaios', '2', '3')), JSON.parse(patch));
  assert.equal(JSON.parse(await done('rm', 'cities', 'gaios')).position, 4);
  await refused(1, 'deleted', 'get', 'cities', 'gaios');
  await refused(1, 'not-found', 'get', 'cities', 'nowhere');
  await refused(1, 'revision-conflict', 'put', 'cities', 'gaios', '{}', '--if-revision', '2');
  await refused(1, 'malformed-json', 'put', 'cities', 'gaios', '{');
});

test('a document comes from a file or from standard input as well', async () => {
  const path = join(directory, 'paxi.json');
  writeFileSync(path, '{"name":"Paxi"}');
  await done('put', 'islands', 'paxi', `@${path}`);
  const child = spawn(process.execPath, [entry, 'put', 'islands', 'antipaxi'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end('{"name":"Antipaxi"}');
  assert.equal((await once(child, 'exit'))[0], 0);
  const page = (await done('get', 'islands'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    page.map(({ id, document }) => [id, document.name]),
    [
      ['antipaxi', 'Antipaxi'],
      ['paxi', 'Paxi'],
    ],
  );
});

test('an idempotency key makes a repeated command answer with the first outcome', async () => {
  const words = ['put', 'keys', 'one', '{"n":1}', '--idempotency-key', 'k-1', '--json'];
  assert.equal(await done(...words), await done(...words));
  await refused(1, 'idempotency-key-reused', 'put', 'keys', 'one', '{"n":2}', '--idempotency-key', 'k-1');
});

test('history and events are tables for people and whole events as JSON', async () => {
  const lines = (await done('history', 'cities', 'gaios', '--json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ operation }) => operation),
    ['created', 'merged', 'patched', 'deleted'],
  );
  assert.equal(lines[1].type, 'city.seen');
  assert.equal(await done('history', 'cities', 'gaios'), await done('history', 'cities', 'gaios', '--json'));
  const table = await onTerminal('history', 'cities', 'gaios', '--desc', '--limit', '2');
  assert.match(table, /^POSITION +TIME +OPERATION .*\n4 .* deleted .*\n3 .* patched .*\n$/);
  const events = (await done('events', '--collection', 'islands')).trim().split('\n');
  assert.deepEqual(
    events.map((line) => JSON.parse(line).documentId),
    ['paxi', 'antipaxi'],
  );
  const byKey = (await done('events', '--idempotency-key', 'k-1')).trim().split('\n');
  assert.deepEqual(
    byKey.map((line) => JSON.parse(line).documentId),
    ['one'],
  );
});

test('a page of a collection says how to go on, as JSON and in a pipe', async () => {
  const whole = JSON.parse(await done('get', 'islands', '--limit', '1', '--json'));
  assert.deepEqual(
    whole.items.map(({ id }: { id: string }) => id),
    ['antipaxi'],
  );
  const { stdout, stderr } = await loggos('get', 'islands', '--limit', '1');
  assert.equal(stdout, `${JSON.stringify(whole.items[0])}\n`);
  const cursor = /^more: --cursor (\S+)\n$/.exec(stderr)?.[1];
  assert.equal(cursor, whole.cursor);
  const rest = await loggos('get', 'islands', '--cursor', whole.cursor);
  assert.equal(JSON.parse(rest.stdout).id, 'paxi');
  assert.equal(rest.stderr, '');
});

test('a refusal says everything once', async () => {
  const { stderr } = await loggos('put', 'cities', 'gaios', '{}', '--if-revision', '2');
  assert.match(stderr, /^loggos: The document [^.]*\. Read it again/);
});

test('following prints what was and what comes, as it is stored, until it is interrupted', async () => {
  const child = spawn(process.execPath, [entry, 'events', '--follow', '--after', '0', '--collection', 'feed']);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => String((await lines.next()).value);
  try {
    await done('put', 'feed', 'a', '{"n":1}');
    const first = await nextLine();
    assert.equal(JSON.parse(first).documentId, 'a');
    await done('put', 'feed', 'b', '{"n":2}');
    assert.equal(JSON.parse(await nextLine()).documentId, 'b');
    const page = await done('events', '--json', '--collection', 'feed', '--limit', '1');
    assert.equal(`${first}\n`, page, 'the same bytes');
  } finally {
    child.kill('SIGINT');
  }
  assert.equal((await once(child, 'exit'))[0], 0);
});

test('a backup is verified, restored into a new directory and served from there', async () => {
  const file = join(directory, 'backup.tar');
  const report = JSON.parse(await done('backup', '--to', file, '--json'));
  assert.ok(!existsSync(`${file}.part`));
  assert.equal(JSON.parse(await done('verify', file, '--json')).manifest.digest, report.digest);
  assert.match(await done('snapshot', 'status', file), new RegExp(`digest +${report.digest}`));
  assert.match(await done('snapshot', 'list'), new RegExp(report.digest));
  const again = await loggos('backup', '--to', file);
  assert.equal(again.code, 2, 'a backup is not overwritten');

  const restored = join(directory, 'restored');
  await done('restore', file, '--data', restored, '--dry-run');
  assert.ok(!existsSync(restored), 'a dry run leaves nothing');
  const made = JSON.parse(await done('restore', file, '--data', restored, '--json'));
  assert.equal(made.parent, report.historyId);
  assert.match(await done('log', 'check', '--data', restored), /no log in .* yet/);
  assert.equal(JSON.parse(await done('log', 'check', '--data', restored, '--json')).state, 'empty');
  await refused(1, 'not-found', 'log', 'check', '--data', restored, '--database', 'other');
  await refused(1, 'directory-unusable', 'restore', file, '--data', restored);

  const second = new ServerProcess(restored, await freePort(), ['--segment-bytes', '1MiB']);
  cleanUps.unshift(() => second.kill());
  await second.start();
  assert.equal(await done('get', 'islands', 'paxi', '--url', second.url), '{"name":"Paxi"}\n');
  assert.equal(
    await done('get', 'cities', 'gaios', '--revision', '2', '--url', second.url),
    await done('get', 'cities', 'gaios', '--revision', '2'),
  );
  await refused(75, 'directory-locked', 'verify', restored);
  const saved = JSON.parse(await done('snapshot', 'save', '--url', second.url, '--json'));
  const listed = (await done('snapshot', 'list', '--url', second.url, '--json')).trimEnd().split('\n');
  assert.deepEqual(
    listed.map((text) => JSON.parse(text).instance),
    [saved.instance],
  );
  await second.end();
  assert.match(await done('verify', restored), /is whole/);
  const shown = (await done('log', 'show', '--data', restored, '--json')).trimEnd().split('\n');
  const entries = shown.map((text) => JSON.parse(text) as { kind: string; state?: string });
  assert.ok(['segment', 'record', 'promise', 'verdict'].every((kind) => entries.some((each) => each.kind === kind)));
  const one = await done('log', 'show', '--data', restored, '--from', String(saved.instance), '--count', '1');
  assert.equal(one.split('\n').filter((text) => / \d+ at ballot \d+\.1, /.test(text)).length, 1, one);
  assert.match(await done('log', 'check', '--data', restored), /^\w+: \d+ records in \d+ segments?.* 0 damaged/m);
});

test('a backup that is damaged on its way has no name and is refused', async () => {
  const file = join(directory, 'backup.tar');
  const damagedFile = join(directory, 'damaged.tar');
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(damagedFile, bytes);
  await refused(1, 'snapshot-damaged', 'verify', damagedFile);
  await refused(1, 'snapshot-damaged', 'restore', damagedFile, '--data', join(directory, 'nothing'));
  assert.ok(!existsSync(join(directory, 'nothing')));
});

test('an interrupted backup is taken up where it broke', async () => {
  const file = join(directory, 'resumed.tar');
  const whole = readFileSync(join(directory, 'backup.tar'));
  writeFileSync(`${file}.part`, whole);
  truncateSync(`${file}.part`, whole.length - 4_000);
  await done('backup', '--to', file, '--resume');
  assert.deepEqual(readFileSync(file), whole);
});

test('the scripts for cron make a backup and restore it', async () => {
  const backups = join(directory, 'backups');
  assert.equal(await run(join(repository, 'scripts/backup.sh'), backups, server.url), '', 'cron has nothing to mail');
  const [name] = readdirSync(backups);
  assert.match(name ?? '', /^loggos-\d{4}-.*\.tar$/);
  await run(join(repository, 'scripts/restore.sh'), join(backups, name ?? ''), join(directory, 'by-script'));
  assert.match(await done('verify', join(directory, 'by-script')), /is whole/);
});

test('status shows the cluster and the checkpoint', async () => {
  const { ready, cluster, checkpoint } = JSON.parse(await done('status', '--json'));
  assert.equal(ready, true);
  assert.equal(cluster.leader, 'loggos');
  assert.ok(checkpoint.appliedInstance >= checkpoint.checkpointInstance);
  const text = await done('status');
  assert.match(text, /replica +loggos: ready; leader: loggos/);
  assert.match(text, /instances +1 to \d+ in the log\n +applied to \d+, in the checkpoint to \d+\n/);
  assert.match(
    text,
    /log +(1 segment|\d+ segments), .* \(pre-allocated\)\n +holds \d+ instances behind the checkpoint/,
  );
});

/** What the program said on both its outputs. */
async function run(program: string, ...words: string[]): Promise<string> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  assert.equal((await once(child, 'close'))[0], 0, `${program}: ${said}`);
  return said;
}

/** As a person sees it: the command believes that its output is a terminal. */
async function onTerminal(...words: string[]): Promise<string> {
  const pretend = 'data:text/javascript,process.stdout.isTTY=true';
  return run(process.execPath, '--import', pretend, entry, ...words);
}
