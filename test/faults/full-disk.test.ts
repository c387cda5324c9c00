import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort, request, ServerProcess } from '../support/server-process.ts';

const mebibyte = 1_048_576;
const isNamespaced = 'LOGGOS_TEST_NAMESPACED';

/** A file system of its own that is really full when it is full; needs the right to mount one. */
async function smallFileSystem(context: TestContext, mebibytes: number): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'loggos-small-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', directory]);
  context.after(async () => {
    if (mounted.status === 0) spawnSync('umount', ['-l', directory]);
    await rm(directory, { recursive: true, force: true });
  });
  return mounted.status === 0 ? directory : undefined;
}

/** Runs this file in a user namespace of its own, where one may mount without being root, if the kernel lets us. */
function againWhereMountingIsAllowed(context: TestContext): void {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const namespace = ['--user', '--map-root-user', '--mount'];
  const isAllowed =
    environment[isNamespaced] === undefined && spawnSync('unshare', [...namespace, 'true']).status === 0;
  if (!isAllowed) {
    // Not silently: test/log and test/documents hold what they can with disks that are full by injection.
    context.diagnostic('no right to mount a small file system: only injected full disks are tested here');
    return;
  }
  const again = spawnSync('unshare', [...namespace, process.execPath, '--test', import.meta.filename], {
    env: { ...environment, [isNamespaced]: '1' },
    encoding: 'utf8',
  });
  assert.equal(again.status, 0, again.stdout);
  assert.match(again.stdout, /on 64 MiB/, 'it ran on a small file system');
  context.diagnostic('ran in a user namespace of its own');
}

/** Takes all the room that is left, to the last page; the server takes some meanwhile. */
async function fill(directory: string): Promise<string> {
  const ballast = join(directory, 'ballast');
  const file = await open(ballast, 'w');
  for (let bytes = mebibyte; bytes >= 4_096; bytes /= 4) {
    const chunk = Buffer.alloc(bytes, 1);
    for (let full = false; !full; ) {
      full = await file.write(chunk).then(
        ({ bytesWritten }) => bytesWritten < bytes,
        (error: NodeJS.ErrnoException) => {
          assert.equal(error.code, 'ENOSPC');
          return true;
        },
      );
    }
  }
  await file.close();
  return ballast;
}

const text = 'x'.repeat(20_000);
const put = (server: ServerProcess, n: number) =>
  request(`${server.url}/v1/documents/things/t${n}`, { method: 'PUT', body: JSON.stringify({ n, text }) });

/** Writes one document after another until one is refused, which must be for want of room. */
async function writeUntilFull(server: ServerProcess, first: number): Promise<number> {
  for (let n = first; n < first + 2_000; n++) {
    const answer = await put(server, n);
    if (answer.status === 201) continue;
    assert.equal(answer.status, 507, answer.text);
    assert.equal((JSON.parse(answer.text) as { code: string }).code, 'no-room');
    return n - 1;
  }
  throw new Error('the disk never was full');
}

async function checkAll(server: ServerProcess, last: number): Promise<void> {
  for (let n = 1; n <= last; n++) {
    const answer = await request(`${server.url}/v1/documents/things/t${n}`);
    assert.equal(answer.status, 200, `t${n}: ${answer.text}`);
    assert.equal((JSON.parse(answer.text) as { n: number }).n, n);
  }
}

async function writeWithin(server: ServerProcess, n: number, timeoutMs: number): Promise<void> {
  for (const until = Date.now() + timeoutMs; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const answer = await put(server, n);
    if (answer.status === 201) return;
    assert.equal(answer.status, 507, answer.text);
    assert(Date.now() < until, 'writes resume by themselves once there is room');
  }
}

test('a full disk: writes are refused without harm, reads go on, writes resume without a restart', async (context) => {
  const disk = await smallFileSystem(context, 64);
  if (disk === undefined) return againWhereMountingIsAllowed(context);
  const server = new ServerProcess(join(disk, 'data'), await freePort(), ['--segment-bytes', String(mebibyte)]);
  context.after(() => server.kill());
  await server.start();
  for (let n = 1; n <= 20; n++) assert.equal((await put(server, n)).status, 201);
  const ballast = await fill(disk);
  let last = await writeUntilFull(server, 21);
  await checkAll(server, last);
  const events = await request(`${server.url}/v1/events?after=0&limit=5`);
  assert.equal(events.status, 200, events.text);
  assert.equal((await put(server, last + 1)).status, 507, 'it stays refused while there is no room');
  assert(server.running, 'the process goes on');

  await rm(ballast);
  await writeWithin(server, ++last, 10_000);
  for (let turn = 0; turn < 20; turn++) assert.equal((await put(server, ++last)).status, 201);
  await checkAll(server, last);
  assert.equal(await server.end(), 0, server.output);
  await server.start();
  await checkAll(server, last);

  // Killed while the disk is full, and started while it still is: what is there is whole and is read.
  const again = await fill(disk);
  last = await writeUntilFull(server, last + 1);
  await server.kill();
  await server.start();
  await checkAll(server, last);
  last = await writeUntilFull(server, last + 1);
  await rm(again);
  await writeWithin(server, ++last, 10_000);
  assert.equal(await server.end(), 0, server.output);
  await server.start();
  await checkAll(server, last);
  context.diagnostic(`${last} documents of ${text.length} bytes on 64 MiB`);
});
