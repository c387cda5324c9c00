import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { InvariantError } from '../../src/base/assert.ts';
import { DiskError } from '../../src/base/disk.ts';
import { LoggosError } from '../../src/base/errors.ts';
import { type CallPort, RemoteCalls, serveCalls } from '../../src/base/remote-calls.ts';

type Handlers = Parameters<typeof serveCalls>[1];

/** The calling side of a pair of ports whose other side serves `handlers`. */
async function withCalls(handlers: Handlers, use: (calls: RemoteCalls) => Promise<void>): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  serveCalls(port2 as CallPort, handlers);
  try {
    await use(new RemoteCalls(port1 as CallPort));
  } finally {
    port1.close();
  }
}

test('calls are answered, in whatever order they end', async () => {
  const gate = Promise.withResolvers<string>();
  const handlers = { slow: () => gate.promise, add: (left: number, right: number) => left + right };
  await withCalls(handlers, async (calls) => {
    const slow = calls.call<string>('slow', []);
    assert.equal(await calls.call<number>('add', [2, 3]), 5);
    gate.resolve('late');
    assert.equal(await slow, 'late');
  });
});

const errors: readonly (readonly [string, Error, object])[] = [
  [
    'a LoggosError keeps code and facts',
    new LoggosError('no-room', 'full', { limit: 7 }),
    { name: 'LoggosError', code: 'no-room', message: 'full', facts: { limit: 7 } },
  ],
  [
    'a DiskError keeps kind and path',
    new DiskError('no-room', '/log/1', 'ENOSPC'),
    { name: 'DiskError', kind: 'no-room', path: '/log/1', message: 'ENOSPC' },
  ],
  [
    'a broken invariant stays one',
    new InvariantError('order', { at: 3 }),
    { name: 'InvariantError', facts: { at: 3 } },
  ],
  ['anything else stays an error', new RangeError('odd'), { name: 'Error', message: 'odd' }],
];
for (const [name, error, expected] of errors) {
  test(name, async () => {
    const fail = () => {
      throw error;
    };
    await withCalls({ fail }, (calls) => assert.rejects(calls.call('fail', []), expected));
  });
}

test('a method that is not served is a broken invariant of the caller, not silence', async () => {
  await withCalls({}, (calls) => assert.rejects(calls.call('nothing', []), { name: 'InvariantError' }));
});

test('closed, every call that waits and every later one fails with the reason', async () => {
  await withCalls({ never: () => new Promise(() => {}) }, async (calls) => {
    const waiting = calls.call('never', []);
    const gone = new LoggosError('stopped', 'the worker is gone');
    calls.close(gone);
    await assert.rejects(waiting, gone);
    await assert.rejects(calls.call('never', []), gone);
  });
});
