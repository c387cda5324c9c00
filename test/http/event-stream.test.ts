import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { RestServer } from './rest-server.ts';

interface Received {
  readonly id: string;
  readonly position: number;
  readonly event: string | undefined;
}

/** One open stream; `received` grows while it is open. */
class Stream {
  readonly received: Received[] = [];
  readonly response: IncomingMessage;
  text = '';

  constructor(response: IncomingMessage) {
    this.response = response;
    const parser = createParser({
      onEvent: ({ id = '', data, event }) => this.received.push({ id, event, position: JSON.parse(data).position }),
    });
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      this.text += chunk;
      parser.feed(chunk);
    });
    response.on('error', () => {});
  }

  static async open(server: RestServer, path: string, headers: Record<string, string> = {}): Promise<Stream> {
    const request = httpRequest(`${server.url}${path}`, {
      headers: { accept: 'text/event-stream', ...headers },
      agent: false,
    });
    request.on('error', () => {});
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return new Stream(response);
  }

  get positions(): number[] {
    return this.received.map(({ position }) => position);
  }

  async until(isDone: () => boolean, waitMs = 5_000): Promise<void> {
    const end = performance.now() + waitMs;
    while (!isDone()) {
      assert.ok(performance.now() < end, `waited in vain; received ${this.received.length}`);
      await pause(5);
    }
  }

  close(): void {
    this.response.destroy();
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean, waitMs = 20_000): Promise<void> {
  for (const end = performance.now() + waitMs; !holds(); await pause(20)) assert.ok(performance.now() < end);
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

async function write(server: RestServer, times: number, body: Record<string, unknown> = {}): Promise<void> {
  const writes = Array.from({ length: times }, (_, n) =>
    server.send('PUT', `/v1/documents/c/${n % 7}`, { body: { n, ...body } }),
  );
  await Promise.all(writes);
}

describe('a stream of events', () => {
  let server: RestServer;
  before(async () => {
    server = await RestServer.start({ heartbeatMs: 100 });
    await write(server, 20);
  });
  after(() => server.stop());

  test('catches up, then follows; each event has its cursor as id and no event field', async () => {
    const stream = await Stream.open(server, '/v1/events?after=15');
    assert.equal(stream.response.statusCode, 200);
    assert.equal(stream.response.headers['content-type'], 'text/event-stream');
    assert.equal(stream.response.headers['cache-control'], 'no-cache, no-transform');
    await stream.until(() => stream.received.length === 5);
    await write(server, 3);
    await stream.until(() => stream.received.length === 8);
    assert.deepEqual(stream.positions, range(16, 23));
    for (const { id, position, event } of stream.received) {
      assert.match(id, new RegExp(`^${position}\\.first-hi\\.[\\w-]{8}$`));
      assert.equal(event, undefined);
    }
    stream.close();
  });

  test('Last-Event-ID wins over after', async () => {
    const { cursor } = (await server.send('GET', '/v1/events?limit=18')).json;
    const stream = await Stream.open(server, '/v1/events?after=2', { 'last-event-id': cursor });
    await stream.until(() => stream.received.length >= 5);
    assert.equal(stream.positions[0], 19);
    stream.close();
  });

  test('beats while there is silence, and tells a filtered reader how far it has looked', async () => {
    const stream = await Stream.open(server, '/v1/events?collection=nothing');
    const { position } = server.database.state;
    await stream.until(() => (stream.text.match(/: heartbeat/g) ?? []).length >= 3);
    assert.deepEqual(stream.received, []);
    assert.match(stream.text, new RegExp(`id: ${position}\\.first-hi\\.[\\w-]{8}\n\n`));
    stream.close();
  });

  test('from above what is applied here it waits, also without a leader', async () => {
    server.database.hasLeader = false;
    const { position } = server.database.state;
    const stream = await Stream.open(server, `/v1/events?after=${position + 2}`);
    server.database.hasLeader = true;
    await write(server, 4);
    await stream.until(() => stream.received.length === 2);
    assert.deepEqual(stream.positions, [position + 3, position + 4]);
    stream.close();
  });

  test('as lines: one event each, empty ones as heartbeat', async () => {
    const stream = await Stream.open(server, '/v1/events?after=0', { accept: 'application/x-ndjson' });
    assert.equal(stream.response.headers['content-type'], 'application/x-ndjson');
    const last = server.database.state.position;
    await stream.until(() => stream.text.includes(String(server.database.tail.line(last))));
    await stream.until(() => stream.text.endsWith('\n\n\n'));
    const lines = stream.text.split('\n').filter((line) => line !== '');
    assert.deepEqual(
      lines,
      range(1, last).map((position) => server.database.tail.line(position)),
    );
    stream.close();
  });

  test('long poll: the first events as soon as they are there, or an empty page at the end of the wait', async () => {
    const { position } = server.database.state;
    const started = performance.now();
    const polled = server.send('GET', `/v1/events?after=${position}&wait=5s`);
    await pause(50);
    await write(server, 1);
    assert.deepEqual((await polled).json.items.length, 1);
    assert.ok(performance.now() - started < 1_000);
    const askedBeyond = performance.now();
    const beyond = await server.send('GET', `/v1/events?after=${position + 50}&wait=50ms`, {
      headers: { 'loggos-deadline': '5s' },
    });
    assert.deepEqual([beyond.status, beyond.json.code], [503, 'position-not-reached']);
    assert.ok(performance.now() - askedBeyond < 2_000);
    const empty = await server.send('GET', `/v1/events?after=${position + 1}&wait=100ms`);
    assert.deepEqual([empty.status, empty.json.items], [200, []]);
    assert.equal((await server.send('GET', `/v1/events?after=0&wait=5s`)).json.items.length > 0, true);
  });

  test('takes no limit and no wait, and no place for a HEAD', async () => {
    const accept = { accept: 'text/event-stream' };
    for (const query of ['limit=5', 'wait=5s']) {
      assert.equal((await server.send('GET', `/v1/events?${query}`, { headers: accept })).status, 400);
    }
    const open = server.app.openStreams;
    assert.equal((await server.send('HEAD', '/v1/events', { headers: accept })).status, 200);
    assert.equal(server.app.openStreams, open);
  });
});

test('resumed at any cursor, while writes run, a stream has no gap and nothing twice', async () => {
  const server = await RestServer.start();
  let isWriting = true;
  const writer = (async () => {
    while (isWriting) {
      await write(server, 8, { text: 'x'.repeat(200) });
      await pause(2);
    }
  })();
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 5 }), async (counts) => {
        const positions: number[] = [];
        let lastEventId: string | undefined;
        for (const count of counts) {
          const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
          const stream = await Stream.open(server, '/v1/events', headers);
          await stream.until(() => stream.received.length >= count);
          stream.close();
          const taken = stream.received.slice(0, count);
          positions.push(...taken.map(({ position }) => position));
          lastEventId = taken.at(-1)?.id;
        }
        assert.deepEqual(positions, range(1, positions.length));
      }),
      { numRuns: 15 },
    );
  } finally {
    isWriting = false;
    await writer;
    await server.stop();
  }
});

test('1,000 streams of which half never read: writes go on, memory is bounded, who does not read is cut off', async () => {
  const half = 500;
  const server = await RestServer.start({ slowReaderMs: 3_000, heartbeatMs: 60_000 });
  // A socket of the file system holds 200 KB in the kernel, one of loopback 2.5 MB: those that never read would take a
  // gigabyte of it, which says nothing about the server.
  const directory = await mkdtemp(join(tmpdir(), 'loggos-'));
  const path = join(directory, 'http');
  const local = await server.listenAt(path);
  const silent: Socket[] = [];
  const reading: Stream[] = [];
  try {
    const before = process.memoryUsage().rss;
    for (let n = 0; n < half; n++) {
      const socket = connect(path);
      socket.on('error', () => {});
      socket.pause();
      socket.write('GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n');
      silent.push(socket);
    }
    await write(server, 1);
    await until(() => server.app.openStreams === half);
    // 20 MB of events: kept for each of those readers they would be 10 GB.
    for (let n = 0; n < 20; n++) await write(server, 10, { text: 'x'.repeat(100_000) });
    while (reading.length < half) {
      const more = Array.from({ length: 50 }, () => Stream.open(server, '/v1/events?after=201'));
      reading.push(...(await Promise.all(more)));
    }
    for (let n = 0; n < 5; n++) await write(server, 10);
    for (const stream of reading) await stream.until(() => stream.received.length === 50, 20_000);
    for (const stream of reading) assert.deepEqual(stream.positions, range(202, 251));
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 800_000_000, `grew by ${Math.round(grown / 1e6)} MB`);
    await until(() => server.app.openStreams === half);
    assert.equal(server.counters.get('http_slow_readers_total'), half);
  } finally {
    for (const socket of silent) socket.destroy();
    for (const stream of reading) stream.close();
    local.close();
    await server.stop();
    await rm(directory, { recursive: true });
  }
});

test('one stream more than the limit is busy; closing the streams ends them after a whole event', async () => {
  const server = await RestServer.start({ streamsMax: 2 });
  try {
    await write(server, 3);
    const streams = [await Stream.open(server, '/v1/events'), await Stream.open(server, '/v1/events')];
    const refused = await server.send('GET', '/v1/events', { headers: { accept: 'text/event-stream' } });
    assert.deepEqual([refused.status, refused.json.code, refused.headers['retry-after']], [503, 'busy', '1']);
    for (const stream of streams) await stream.until(() => stream.received.length === 3);
    const ended = streams.map(({ response }) => once(response, 'end'));
    server.app.closeStreams();
    await Promise.all(ended);
    for (const stream of streams) assert.ok(stream.text.endsWith('\n\n'));
    assert.equal(server.app.openStreams, 0);
  } finally {
    await server.stop();
  }
});

test('a reader that hangs up gives its place back', async () => {
  const server = await RestServer.start();
  try {
    const stream = await Stream.open(server, '/v1/events');
    assert.equal(server.app.openStreams, 1);
    stream.close();
    await stream.until(() => server.app.openStreams === 0);
  } finally {
    await server.stop();
  }
});
