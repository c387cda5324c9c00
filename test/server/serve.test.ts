import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { entry, freePort, loggos, request, ServerProcess, temporaryDirectory } from '../support/server-process.ts';

const small = ['--segment-bytes', '1MiB'];

test('it starts, says where it answers and where the data is, and stops cleanly on a signal', async (context) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const data = await temporaryDirectory(context);
    const server = new ServerProcess(data, await freePort(), small);
    context.after(() => server.kill());
    await server.start();
    assert.match(server.output, new RegExp(`Loggos answers at ${server.url}\n`));
    assert.match(server.output, /try {3}curl -X PUT .*\/v1\/documents\//);
    assert.ok(server.output.includes(`data  ${data}\n`));
    assert.equal((await request(`${server.url}/v1/documents/c/d`, { method: 'PUT', body: '{"a":1}' })).status, 201);
    assert.equal(await server.end(signal), 0, server.output);
    assert.ok(!existsSync(join(data, '.lock')), 'the locks are given back');
  }
});

test('a signal during the boot ends it at once with 0, and the directory starts the next time', async (context) => {
  for (let attempt = 0; ; attempt++) {
    assert.ok(attempt < 5, 'no signal came before the boot was over');
    const server = new ServerProcess(await temporaryDirectory(context), await freePort(), small);
    server.spawn();
    while (!server.output.includes('replica-born')) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(await server.end(), 0, server.output);
    if (!server.output.includes('"during":"boot"')) continue;
    await server.start();
    assert.equal(await server.end(), 0, server.output);
    return;
  }
});

test('the curl line that it prints works as it is', async (context) => {
  const server = new ServerProcess(await temporaryDirectory(context), await freePort(), small);
  context.after(() => server.kill());
  await server.start();
  const line = /try {3}(curl .*)\n/.exec(server.output)?.[1];
  assert.ok(line !== undefined);
  const curl = spawn('sh', ['-c', `${line} -s -o /dev/null -w '%{http_code}'`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [status] = await once(curl.stdout, 'data');
  assert.equal(String(status), '201');
});

test('a server has no __proto__ that hostile keys could reach, in any of its threads', async (context) => {
  const server = new ServerProcess(await temporaryDirectory(context), await freePort(), small);
  context.after(() => server.kill());
  await server.start();
  assert.ok(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8').split('\0').includes('--disable-proto=delete'));
});

test('what it keeps is for its owner alone', async (context) => {
  const data = await temporaryDirectory(context);
  const server = new ServerProcess(data, await freePort(), small);
  context.after(() => server.kill());
  await server.start();
  for (const found of readdirSync(data, { recursive: true, withFileTypes: true })) {
    const mode = statSync(join(found.parentPath, found.name)).mode & 0o777;
    assert.equal(mode & 0o077, 0, `${found.parentPath}/${found.name} is ${mode.toString(8)}`);
  }
});

test('a second process on the directory is refused at once with 75, also while the first is stopped', async (context) => {
  const data = await temporaryDirectory(context);
  const first = new ServerProcess(data, await freePort(), small);
  context.after(() => first.kill());
  await first.start();
  const before = readFileSync(join(data, 'identity.json'), 'utf8');
  for (const stop of [false, true]) {
    if (stop) first.signal('SIGSTOP');
    const second = await loggos('serve', '--http', `127.0.0.1:${await freePort()}`, '--data', data);
    assert.equal(second.code, 75, second.stderr);
    assert.match(second.stderr, new RegExp(`^loggos: .* is in use by process ${first.pid} since [^\n]+\n$`));
  }
  first.signal('SIGCONT');
  assert.equal((await request(`${first.url}/v1/documents/c/d`, { method: 'PUT', body: '{}' })).status, 201);
  assert.equal(readFileSync(join(data, 'identity.json'), 'utf8'), before);
});

test('after kill -9 it starts again without waiting, with all that was acknowledged', async (context) => {
  const data = await temporaryDirectory(context);
  const server = new ServerProcess(data, await freePort(), small);
  context.after(() => server.kill());
  await server.start();
  const put = await request(`${server.url}/v1/documents/c/d`, { method: 'PUT', body: '{"a":1}' });
  assert.equal(put.status, 201);
  await server.kill();
  await server.start(15_000);
  const read = await request(`${server.url}/v1/documents/c/d`);
  assert.equal(read.text, '{"a":1}');
  assert.equal(read.headers.get('etag'), '"1"');
});

test('a port that is taken is one line and exit code 1, and no data is touched', async (context) => {
  const data = join(await temporaryDirectory(context), 'data');
  const owner = createServer().listen(0, '127.0.0.1');
  await once(owner, 'listening');
  context.after(() => owner.close());
  const { port } = owner.address() as { port: number };
  const { code, stderr } = await loggos('serve', '--http', `127.0.0.1:${port}`, '--data', data);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`^loggos: 127\\.0\\.0\\.1:${port} is taken by another process[^\n]*\n$`));
  assert.ok(!existsSync(data));
});

test('a directory that cannot be used is one line and exit code 1', async (context) => {
  const parent = await temporaryDirectory(context);
  writeFileSync(join(parent, 'file'), '');
  const unusable = [join(parent, 'file'), join(parent, 'file', 'below'), '/proc/loggos'];
  for (const data of unusable) {
    const { code, stderr } = await loggos('serve', '--http', '127.0.0.1:0', '--data', data);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^loggos: [^\n]*\n$/, data);
    assert.ok(stderr.includes(data), stderr);
    assert.doesNotMatch(stderr, /E[A-Z]{4,}/, 'in words');
  }
});

test('data of a newer release is refused by name, and nothing is changed', async (context) => {
  const data = await temporaryDirectory(context);
  const text = '{"format":2,"clusterId":"x"}\n';
  writeFileSync(join(data, 'identity.json'), text);
  const { code, stderr } = await loggos('serve', '--http', '127.0.0.1:0', '--data', data);
  assert.equal(code, 1);
  assert.match(stderr, /^loggos: [^\n]*identity\.json[^\n]*\n$/);
  assert.equal(readFileSync(join(data, 'identity.json'), 'utf8'), text);
  assert.ok(!existsSync(join(data, 'databases')));
});

test('a directory whose identity is gone is not started as a new one', async (context) => {
  const data = await temporaryDirectory(context);
  const server = new ServerProcess(data, await freePort(), small);
  context.after(() => server.kill());
  await server.start();
  await server.end();
  rmSync(join(data, 'identity.json'));
  const { code, stderr } = await loggos('serve', '--http', '127.0.0.1:0', '--data', data);
  assert.equal(code, 1);
  assert.match(stderr, /no identity\.json: put it back/);
});

test('a request in flight ends before the process does; an idle stream does not keep it', async (context) => {
  const server = new ServerProcess(await temporaryDirectory(context), await freePort(), small);
  context.after(() => server.kill());
  await server.start();
  const stream = await fetch(`${server.url}/v1/events`, { headers: { Accept: 'text/event-stream' } });
  const slow = fetch(`${server.url}/v1/documents/c/slow`, {
    method: 'PUT',
    body: new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('{"a":'));
        await new Promise((resolve) => setTimeout(resolve, 700));
        controller.enqueue(new TextEncoder().encode('1}'));
        controller.close();
      },
    }),
    duplex: 'half',
  } as RequestInit);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const startedAt = performance.now();
  const ended = server.end('SIGTERM');
  assert.equal((await slow).status, 201);
  assert.equal(await ended, 0);
  assert.ok(performance.now() - startedAt < 8_000, 'the open stream was ended');
  await stream.text().catch(() => '');
});

test('a defect ends the process with 70 and what was acknowledged is there afterwards', async (context) => {
  const data = await temporaryDirectory(context);
  const port = await freePort();
  const server = new ServerProcess(data, port, small);
  context.after(() => server.kill());
  await server.start();
  await request(`${server.url}/v1/documents/c/d`, { method: 'PUT', body: '{"a":1}' });
  await server.end();
  // A preloaded module throws from a timer, as a bug would.
  const bug = join(data, 'bug.mjs');
  writeFileSync(bug, 'setTimeout(() => { throw new Error("planted"); }, 3000);');
  const words = ['--import', bug, entry, 'serve', '--http', `127.0.0.1:${port}`, '--data', data];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 70, log);
  assert.match(log, /stopped-by-a-defect/);
  assert.match(log, /planted/);
  await server.start();
  assert.equal((await request(`${server.url}/v1/documents/c/d`)).text, '{"a":1}');
});
