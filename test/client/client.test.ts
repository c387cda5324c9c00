import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../../src/client/client.ts';
import { ProblemError, UnreachableError } from '../../src/client/problem-error.ts';
import { fakeServer } from './fake-server.ts';

test('a problem arrives with its code and facts, whatever its text says', async (context) => {
  const url = await fakeServer(context, (_request, response) => {
    response.writeHead(412, { 'Content-Type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'revision-conflict', title: 'No', detail: 'Read again.', currentRevision: 4 }));
  });
  const put = new Client({ url }).documents.put('cities', 'gaios', {}, { ifRevision: 3 });
  await assert.rejects(put, (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.code, 'revision-conflict');
    assert.equal(error.status, 412);
    assert.equal(error.facts.currentRevision, 4);
    return true;
  });
});

test('the text of a problem says what happened once, with its title only where there is no more than advice', async (context) => {
  const problem = { code: 'revision-conflict', title: 'The document has another revision' };
  const advice = 'Read it again and retry with the new ETag.';
  const details = [`The document has revision 4. ${advice}`, advice];
  const url = await fakeServer(context, (_request, response) => {
    response.writeHead(412, { 'Content-Type': 'application/problem+json' });
    response.end(JSON.stringify({ ...problem, detail: details.shift() }));
  });
  const { documents } = new Client({ url });
  await assert.rejects(documents.get('c', 'd'), { message: `The document has revision 4. ${advice}` });
  await assert.rejects(documents.get('c', 'd'), { message: `${problem.title}. ${advice}` });
});

test('an answer that is no problem of ours is still a problem', async (context) => {
  const url = await fakeServer(context, (_request, response) => response.writeHead(502).end('<html>'));
  await assert.rejects(new Client({ url }).cluster(), { code: 'http-502', status: 502 });
});

test('nobody listening is told apart from a refusal', async () => {
  await assert.rejects(new Client({ url: 'http://127.0.0.1:9' }).cluster(), UnreachableError);
});

test('a server that never answers is given up after the timeout', async (context) => {
  const url = await fakeServer(context, () => undefined);
  await assert.rejects(new Client({ url, timeoutMs: 50 }).cluster(), UnreachableError);
});

test('names are encoded, and conditions become headers', async (context) => {
  const seen: unknown[] = [];
  const url = await fakeServer(context, ({ method, url: path, headers }, response) => {
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch, 'idempotency-key': key } = headers;
    seen.push([method, path, ifMatch, ifNoneMatch, key]);
    response.end('{}');
  });
  const { documents } = new Client({ url: `${url}/`, database: 'other' });
  await documents.put('c', 'a/b ?', {}, { ifRevision: '7-abcdef', idempotencyKey: 'k' });
  await documents.merge('c', 'x', {}, { ifRevision: 0 });
  assert.deepEqual(seen, [
    ['PUT', '/v1/databases/other/documents/c/a%2Fb%20%3F', '"7-abcdef"', undefined, 'k'],
    ['PATCH', '/v1/databases/other/documents/c/x', undefined, '*', undefined],
  ]);
});

test('following goes on at the last cursor when the connection breaks, and misses nothing', async (context) => {
  const asked: unknown[] = [];
  const url = await fakeServer(context, (request, response) => {
    asked.push([request.headers['last-event-id'], new URL(request.url ?? '', 'http://x').searchParams.get('after')]);
    const first = Number(request.headers['last-event-id'] ?? 0) + 1;
    if (asked.length === 2) return void response.writeHead(503).end(JSON.stringify({ code: 'stopped' }));
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`: heartbeat\n\nid: ${first}\ndata: {"position":${first}}\n\n`);
    // Half an event, which counts for nothing.
    response.write(`id: ${first + 1}\ndata: {"posi`, () => setTimeout(() => response.destroy(), 20));
  });
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const { text } of new Client({ url }).events.follow({ after: 0 }, stop.signal)) {
    seen.push(text);
    if (seen.length === 3) stop.abort();
  }
  assert.deepEqual(seen, ['{"position":1}', '{"position":2}', '{"position":3}']);
  assert.deepEqual(asked, [
    [undefined, '0'],
    ['1', '0'],
    ['1', '0'],
    ['2', '0'],
  ]);
});

test('following ends where the history has diverged', async (context) => {
  const url = await fakeServer(context, (_request, response) =>
    response.writeHead(409).end(JSON.stringify({ code: 'history-diverged', lastCommonPosition: 3 })),
  );
  const events = new Client({ url }).events.follow({ after: '9.aaaaaaaa.bbbbbbbb' });
  await assert.rejects(events.next(), { code: 'history-diverged' });
});

test('a download is taken up at the byte where it broke', async (context) => {
  const content = Buffer.from('0123456789abcdefghij');
  const ranges: unknown[] = [];
  const url = await fakeServer(context, (request, response) => {
    const first = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const headers = { ETag: '"seal"', 'Content-Length': content.length - first };
    if (request.method === 'HEAD') return void response.writeHead(200, headers).end();
    ranges.push([request.headers.range, request.headers['if-range']]);
    response.writeHead(206, headers);
    response.write(content.subarray(first, first + 8), () => {
      if (first + 8 < content.length) setTimeout(() => response.destroy(), 20);
      else response.end();
    });
  });
  const { bytes, chunks } = await new Client({ url }).snapshots.download(7);
  const received: Uint8Array[] = [];
  for await (const chunk of chunks) received.push(chunk);
  assert.equal(bytes, content.length);
  assert.deepEqual(Buffer.concat(received), content);
  assert.deepEqual(ranges, [
    ['bytes=0-', '"seal"'],
    ['bytes=8-', '"seal"'],
    ['bytes=16-', '"seal"'],
  ]);
});

test('a download is never continued in another snapshot', async (context) => {
  const url = await fakeServer(context, (_request, response) =>
    response.writeHead(200, { ETag: '"other"', 'Content-Length': 20 }).end(),
  );
  const download = new Client({ url }).snapshots.download(7, { firstByte: 8, etag: '"seal"' });
  await assert.rejects(download, { code: 'snapshot-changed' });
});
