import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { writeFounders } from '../../src/checkpoint/founders-file.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { entry, freePort, loggos, request, temporaryDirectory } from '../support/server-process.ts';
import { until } from './real-cluster.ts';

/** The first of three ports in a row that are free, and those a thousand above. */
async function freeBasePort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const ports = [1, 2, 1_000, 1_001, 1_002].map((offset) => port + offset);
    const areFree = await Promise.all(ports.map((other) => other < 65_536 && isFree(other)));
    if (areFree.every((isOne) => isOne)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

test('loggos cluster runs three replicas, says where they are, survives the loss of one, and ends them all', async (context) => {
  const directory = await temporaryDirectory(context);
  const words = ['--data', directory, '--http-base-port', String(await freeBasePort())];
  const cluster = spawn(process.execPath, [entry, 'cluster', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [cluster.stdout, cluster.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const pids = () => [...output.matchAll(/http:\/\/127\.0\.0\.1:\d+ +(\d+)$/gm)].map((match) => Number(match[1]));
  context.after(() => {
    for (const pid of [...pids(), cluster.pid ?? 0]) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  });
  await until(() => /leads\n {2}try/.test(output), 'it says who leads');
  assert.equal(pids().length, 3, output);
  const leader = /^(\w+) leads$/m.exec(output)?.[1];
  const put = (url: string) => request(`${url}/v1/documents/cities/gaios`, { method: 'PUT', body: '{}' });
  const row = new RegExp(`^${leader} +(http:[^ ]+) +(\\d+)$`, 'm').exec(output);
  assert.equal((await put(row?.[1] ?? '')).status, 201, output);
  process.kill(Number(row?.[2]), 'SIGKILL');
  const urls = [...output.matchAll(/(http:\/\/127\.0\.0\.1:\d+) +\d+$/gm)].map((match) => match[1] ?? '');
  const statuses = async () =>
    Promise.all(
      urls.map((url) =>
        put(url).then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    );
  let isWritten = false;
  for (const end = Date.now() + 30_000; Date.now() < end && !isWritten; ) isWritten = (await statuses()).includes(200);
  assert(isWritten, output);
  assert.match(output, new RegExp(`^${leader} +ended \\(SIGKILL\\)`, 'm'));
  cluster.kill('SIGINT');
  const [code] = (await once(cluster, 'exit')) as [number | null];
  assert.equal(code, 0, output);
  assert.deepEqual(pids().filter(isRunning), []);
});

test('loggos cluster starts nothing where another server has one of its ports', async (context) => {
  const directory = await temporaryDirectory(context);
  const port = await freeBasePort();
  const other = createServer().listen(port + 1, '127.0.0.1');
  await once(other, 'listening');
  context.after(() => other.close());
  const { code, stdout, stderr } = await loggos('cluster', '--data', directory, '--http-base-port', String(port));
  assert.deepEqual([code, stdout, readdirSync(directory)], [1, '', []]);
  assert.match(stderr, new RegExp(`^loggos: 127\\.0\\.0\\.1:${port + 1} is taken .*--http-base-port`));
});

test('loggos cluster starts nothing on the directories of a cluster of another size', async (context) => {
  const directory = await temporaryDirectory(context);
  const founders = ['gaios', 'lakka', 'loggos'].map((name, index) => ({ id: index + 1, name, address: 'localhost:1' }));
  await mkdir(`${directory}/gaios`);
  await writeFounders(new PoolDisk(), `${directory}/gaios`, founders);
  const { code, stdout, stderr } = await loggos('cluster', '--data', directory, '--replicas', '5');
  assert.deepEqual([code, stdout, readdirSync(directory)], [2, '', ['gaios']]);
  assert.match(stderr, /has a cluster of 3, not of 5: give --replicas 3, or another --data$/m);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid > 0;
  } catch {
    return false;
  }
}
