import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import {
  freePort,
  loggos,
  ServerProcess as Process,
  request,
  type ServerProcess,
  serverOf,
  temporaryDirectory,
} from '../support/server-process.ts';

const main = 'databases/main';
const documentCount = 40;
/** Writes that end up in the log alone: they must come back with the rebuild. */
const lateCount = 20;

const markerOf = (n: number): string => `marker-${n}-of-this-document`;
const contentOf = (n: number) => ({ marker: markerOf(n), filler: 'abcdefgh'.repeat(200) });

async function write(server: ServerProcess, first: number, last: number): Promise<void> {
  for (let n = first; n <= last; n++) {
    const body = JSON.stringify(contentOf(n));
    const answer = await request(`${server.url}/v1/documents/things/t${n}`, { method: 'PUT', body });
    assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  }
}

async function checkpoint(server: ServerProcess): Promise<Record<string, number>> {
  return JSON.parse((await request(`${server.url}/v1/checkpoint`)).text) as Record<string, number>;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); ) {
    assert(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function level(server: ServerProcess): Promise<void> {
  await until('the Replayer is level', async () => {
    const { checkpointInstance, appliedInstance } = await checkpoint(server);
    return checkpointInstance === appliedInstance;
  });
}

interface Truth {
  readonly digest: string;
  readonly events: string;
}

async function truthOf(server: ServerProcess): Promise<Truth> {
  const digest = await request(`${server.url}/v1/digest`);
  assert.equal(digest.status, 200, digest.text);
  const { position, chain, digest: sum } = JSON.parse(digest.text) as Record<string, unknown>;
  const events = await request(`${server.url}/v1/events?after=0&limit=1000`);
  assert.equal(events.status, 200, events.text);
  return { digest: JSON.stringify({ position, chain, sum }), events: events.text };
}

async function installs(server: ServerProcess): Promise<string[]> {
  return readdir(join(server.data, main, 'checkpoints'));
}

async function machineOf(server: ServerProcess): Promise<string> {
  const [install = ''] = await installs(server);
  return join(server.data, main, 'checkpoints', install, 'machine-1');
}

async function rotAll(file: string, text: string): Promise<void> {
  const bytes = await readFile(file);
  let count = 0;
  for (let offset = bytes.indexOf(text); offset >= 0; offset = bytes.indexOf(text, offset + 1)) {
    bytes[offset] = 0x58;
    count++;
  }
  assert(count > 0, `${text} is in ${file}`);
  await writeFile(file, bytes);
}

/** Documents in a checkpoint that is level, then a stop. */
async function stoppedServer(context: TestContext, flags: readonly string[] = []) {
  const server = await serverOf(context, flags);
  await server.start();
  await write(server, 1, documentCount);
  await level(server);
  const truth = await truthOf(server);
  await server.end();
  return { server, truth };
}

async function firstPlainFile(machine: string): Promise<string> {
  const names = await readdir(join(machine, 'history'));
  return join(machine, 'history', names.filter((name) => name.endsWith('.ndjson')).sort()[0] ?? 'none');
}

const damages: Readonly<Record<string, (machine: string) => Promise<void>>> = {
  'its first page': async (machine) => {
    const file = join(machine, 'documents.sqlite');
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0x58, 0, 100));
  },
  'its database, cut': async (machine) => truncate(join(machine, 'documents.sqlite'), 8_192),
  'its database, empty': async (machine) => truncate(join(machine, 'documents.sqlite'), 0),
  'its database, gone': async (machine) => rm(join(machine, 'documents.sqlite')),
  'what the commit states': async (machine) => rotAll(join(machine, 'documents.sqlite'), 'checkpointInstance'),
  'a line of its history': async (machine) => rotAll(await firstPlainFile(machine), markerOf(7)),
  'its history, a file gone': async (machine) => rm(await firstPlainFile(machine)),
};

suite('a checkpoint found damaged at boot is rebuilt, and nothing is missing', () => {
  for (const [what, damage] of Object.entries(damages)) {
    test(`${what}, from the log alone`, async (context) => {
      const { server, truth } = await stoppedServer(context);
      await damage(await machineOf(server));
      await server.start();
      assert.deepEqual(await truthOf(server), truth);
      assert.match(server.output, /checkpoint-rebuilt/);
      assert.deepEqual(await installs(server), ['2']);
    });
  }
});

test('what was rebuilt stays so: it starts again as it is, takes writes and passes verify', async (context) => {
  const { server } = await stoppedServer(context);
  await rm(join(await machineOf(server), 'documents.sqlite'));
  await server.start();
  await write(server, documentCount + 1, documentCount + 5);
  await server.end();
  await server.start();
  assert.doesNotMatch(server.output, /rebuilt/);
  const last = await request(`${server.url}/v1/documents/things/t${documentCount + 5}`);
  assert.equal(last.status, 200, last.text);
  await server.end();
  const verified = await loggos('verify', server.data);
  assert.equal(verified.code, 0, verified.stderr);
});

/** With a snapshot of its own, and a log that no longer begins at the first instance. */
async function serverWithBase(context: TestContext): Promise<{ server: ServerProcess; truth: Truth }> {
  const server = await serverOf(context, ['--segment-bytes', '1MiB', '--self-seal-bytes', '256KiB']);
  await server.start();
  const limits = await request(`${server.url}/v1/checkpoint`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/merge-patch+json' },
    body: '{"holdCount":0}',
  });
  assert.equal(limits.status, 200, limits.text);
  await until('a snapshot was sealed and the log cleaned', async () => {
    // The same documents: what is new of the log soon exceeds half of the checkpoint.
    await write(server, 1, 100);
    const sealed = JSON.parse((await request(`${server.url}/v1/snapshots`)).text) as { items: unknown[] };
    return sealed.items.length > 0 && ((await checkpoint(server)).minChosenInstance ?? 0) > 1;
  });
  await write(server, 1, lateCount);
  await level(server);
  const truth = await truthOf(server);
  await server.end();
  return { server, truth };
}

test('rebuilt from the newest whole snapshot and the log behind it; without both it refuses and says what to do', async (context) => {
  const { server, truth } = await serverWithBase(context);
  const database = join(await machineOf(server), 'documents.sqlite');
  await writeFile(database, (await readFile(database)).fill(0, 0, 4_096));
  await server.start();
  assert.match(server.output, /checkpoint-rebuilt/);
  const rebuilt = await truthOf(server);
  assert.equal(rebuilt.digest, truth.digest);
  assert.equal(rebuilt.events, truth.events);
  await server.end();

  // Now the snapshots are damaged too.
  const again = join(await machineOf(server), 'documents.sqlite');
  await writeFile(again, (await readFile(again)).fill(0, 0, 4_096));
  const snapshots = join(server.data, main, 'snapshots');
  for (const name of await readdir(snapshots)) {
    const file = join(snapshots, name, 'machine-1', 'documents.sqlite');
    const bytes = await readFile(file);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    await writeFile(file, bytes);
  }
  for (let boot = 0; boot < 2; boot++) {
    await server.startRefusing();
    assert.match(server.output, /restore the newest backup/);
    assert.equal((await request(`${server.url}/readyz`)).status, 503);
    for (const path of ['documents/things/t1', 'documents/things/t1?consistency=local', 'events', 'documents/things']) {
      const answer = await request(`${server.url}/v1/${path}`);
      assert.equal(answer.status, 503, `${path}: ${answer.text}`);
      const problem = JSON.parse(answer.text) as { code: string; detail: string };
      assert.equal(problem.code, 'checkpoint-damaged');
      assert.match(problem.detail, /restore the newest backup/);
      assert.doesNotMatch(answer.text, /\/tmp|\.sqlite/);
    }
    const write = await request(`${server.url}/v1/documents/things/new`, { method: 'PUT', body: '{}' });
    assert.equal(write.status, 503, write.text);
    assert.equal(await server.end(), 0);
  }
});

async function rottenRow(context: TestContext, flags: readonly string[] = []) {
  const { server, truth } = await stoppedServer(context, flags);
  await rotAll(join(await machineOf(server), 'documents.sqlite'), markerOf(5));
  await server.start();
  return { server, truth };
}

async function isRebuilt(server: ServerProcess, truth: Truth): Promise<void> {
  await until(
    'it is rebuilt',
    async () => (await request(`${server.url}/readyz`)).status === 200 && /rebuilt/.test(server.output),
  );
  assert.deepEqual(await truthOf(server), truth);
  assert.ok(server.running, 'in the same process');
}

suite('damage found while it runs: rebuilt inside the process', () => {
  test('by a read, which is refused', async (context) => {
    const { server, truth } = await rottenRow(context);
    const answer = await request(`${server.url}/v1/documents/things/t5?consistency=local`);
    assert.equal(answer.status, 503, answer.text);
    assert.equal((JSON.parse(answer.text) as { code: string }).code, 'checkpoint-damaged');
    // A stream that comes while it is rebuilt is held: EventSource gives up on an error.
    const stream = await fetch(`${server.url}/v1/events`, { headers: { Accept: 'text/event-stream' } });
    assert.equal(stream.status, 200);
    await stream.body?.cancel();
    await isRebuilt(server, truth);
    const mended = await request(`${server.url}/v1/documents/things/t5`);
    assert.deepEqual(JSON.parse(mended.text), contentOf(5));
  });

  test('by a write, which is done once or not at all', async (context) => {
    const { server } = await rottenRow(context);
    const answer = await request(`${server.url}/v1/documents/things/t5`, { method: 'PUT', body: '{"new":true}' });
    assert.notEqual(answer.status, 200, answer.text);
    await until('it is ready', async () => (await request(`${server.url}/readyz`)).status === 200);
    assert.match(server.output, /rebuilt/);
    const read = await request(`${server.url}/v1/documents/things/t5`);
    assert.equal(read.status, 200, read.text);
    assert.ok(['"1"', '"2"'].includes(read.headers.get('etag') ?? ''), read.text);
  });

  test('by the scrubber, though nobody asks', async (context) => {
    const { server, truth } = await rottenRow(context, ['--scrub-bytes-per-second', '64MiB']);
    await isRebuilt(server, truth);
  });
});

test('a stop while it rebuilds takes no longer than another one, and the next start has everything', async (context) => {
  const { server, truth } = await rottenRow(context);
  await request(`${server.url}/v1/documents/things/t5?consistency=local`);
  await until('a rebuild begins', async () => server.output.includes('checkpoint-rebuild-begins'));
  const askedAt = performance.now();
  assert.equal(await server.end(), 0, server.output);
  assert.ok(performance.now() - askedAt < 4_000, 'at once, but for the Replayer coming level');
  await server.start();
  assert.deepEqual(await truthOf(server), truth);
  const incoming = await readdir(join(server.data, main, 'incoming')).catch(() => []);
  assert.deepEqual(incoming, []);
});

test('a checkpoint without a base or a log behind it is not rebuilt into less than was there', async (context) => {
  const { server } = await stoppedServer(context);
  const backup = join(await mkdtemp(join(tmpdir(), 'loggos-')), 'backup.tar');
  context.after(() => rm(join(backup, '..'), { recursive: true, force: true }));
  await server.start();
  assert.equal((await loggos('backup', '--url', server.url, '--to', backup)).code, 0);
  await server.end();
  const copy = new Process(`${backup}-restored`, await freePort());
  context.after(() => copy.kill());
  assert.equal((await loggos('restore', backup, '--data', copy.data)).code, 0);
  // A restored directory has no snapshot, and its log begins after the backup.
  await rm(join(await machineOf(copy), 'documents.sqlite'));
  await copy.startRefusing();
  assert.equal((await request(`${copy.url}/v1/documents/things/t1`)).status, 503);
  assert.ok(existsSync(join(await machineOf(copy), 'history')), 'what is left is left alone');
});

test('a checkpoint that is gone below a log that begins later is refused, never taken for a new one', async (context) => {
  const { server } = await stoppedServer(context);
  await server.start();
  const directory = await temporaryDirectory(context);
  const backup = join(directory, 'backup.tar');
  assert.equal((await loggos('backup', '--url', server.url, '--to', backup)).code, 0);
  await server.end();
  for (const hasStarted of [false, true]) {
    const copy = new Process(join(directory, `restored-${hasStarted}`), await freePort());
    assert.equal((await loggos('restore', backup, '--data', copy.data)).code, 0);
    // Before its first start there is no log that could tell.
    if (hasStarted) {
      await copy.start();
      await write(copy, documentCount + 1, documentCount + 3);
      await level(copy);
      await copy.kill();
    }
    await rm(await machineOf(copy), { recursive: true });
    // It seals a base of its own soon after its start, sometimes before the kill: without one nothing can be rebuilt.
    await rm(join(copy.data, main, 'snapshots'), { recursive: true, force: true });
    for (let boot = 0; boot < 2; boot++) await isRefused(copy);
  }
});

async function isRefused(server: ServerProcess): Promise<void> {
  await server.startRefusing();
  for (const path of ['documents/things/t1', 'documents/things/t1?consistency=local', 'documents/things']) {
    const answer = await request(`${server.url}/v1/${path}`);
    assert.equal(answer.status, 503, `${path}: ${answer.text}`);
    assert.equal((JSON.parse(answer.text) as { code: string }).code, 'checkpoint-damaged');
    assert.ok(!answer.text.includes(server.data), answer.text);
  }
  const readiness = await request(`${server.url}/readyz?verbose`);
  assert.ok(!readiness.text.includes(server.data), readiness.text);
  assert.equal(await server.end(), 0);
}
