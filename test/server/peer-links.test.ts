import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { type Network, NetworkError } from '../../src/base/network.ts';
import { ballotZero } from '../../src/paxos/ballot.ts';
import { PeerLinks } from '../../src/server/peer-links.ts';
import { systemRandom } from '../../src/system/random.ts';

const unreachable: Network = {
  listen: async () => undefined,
  stopListening: () => undefined,
  connect: (address) => Promise.reject(new NetworkError('refused', address, 'nobody listens there')),
};

/** The links of replica 1 to `lakka`, which is not there, and the timers that they have set. */
function waitingLinks() {
  const timers = new Set<() => void>();
  const reports: string[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (_, action) => {
      timers.add(action);
      return () => timers.delete(action);
    },
  };
  const links = new PeerLinks({
    database: 'main',
    network: unreachable,
    addressOf: () => '',
    valueBytesMax: 1,
    clock,
    random: systemRandom,
    observer: {
      report: (_, event, facts) => reports.push(`${event} ${facts?.missing}`),
      count: () => undefined,
      measure: () => undefined,
    },
    onFatal: (error) => assert.fail(String(error)),
  });
  const self = { replica: 1, incarnation: 'a'.repeat(16), session: 'one', promised: ballotZero };
  const peers = links.connect({ ...self, lastInstance: 0, isDoubtful: false }, () => undefined);
  peers.know('cluster', [{ id: 2, name: 'lakka', address: '' }]);
  const pass = (): void => {
    const due = [...timers];
    timers.clear();
    for (const action of due) action();
  };
  return { links, timers, reports, pass };
}

test('who is missing is said again and again until the boot is over, and no timer outlives it', async () => {
  const { links, timers, reports, pass } = waitingLinks();
  const booted = Promise.withResolvers<void>();
  links.sayWhoIsMissing(booted.promise);
  pass();
  pass();
  assert.deepEqual(reports, ['waiting-for-peers lakka', 'waiting-for-peers lakka']);
  booted.resolve();
  await booted.promise;
  await Promise.resolve();
  assert.equal(timers.size, 0, 'a process that stops soon after its boot would wait for it');
});

test('a boot that is given up leaves no timer either', () => {
  const { links, timers, pass } = waitingLinks();
  links.sayWhoIsMissing(new Promise(() => undefined));
  pass();
  assert.equal(timers.size, 1);
  links.stop();
  assert.equal(timers.size, 0);
});
