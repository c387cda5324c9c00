import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultRandom } from '../support/fault-random.ts';
import type { DiskCall, DiskFault } from '../support/memory-disk.ts';
import { accepted, ballot, LogWorld, text } from './log-world.ts';

/** The first call of this kind is struck, no other. */
function once(strikes: (call: DiskCall) => boolean, fault: DiskFault): (call: DiskCall) => DiskFault | undefined {
  let isDone = false;
  return (call) => {
    if (isDone || !strikes(call)) return undefined;
    isDone = true;
    return fault;
  };
}

test('what a failed sync left in the cache counts as a start first read it, also where it is evicted meanwhile', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.append([accepted(1, 'old', 1)]);
  await log.append([accepted(2, 'other', 1)]);
  const [path = ''] = world.segments();
  world.memory.plan = once((call) => call.path.includes('.segment') && call.method === 'sync', { lose: true });
  await assert.rejects(log.append([accepted(1, 'new', 2)]));
  world.memory.kill();

  let reads = 0;
  world.memory.plan = ({ method, path: read }) => {
    // The header, the whole segment; from then on the platter.
    if (method === 'read' && read === path && ++reads > 2) world.memory.evict(path);
    return undefined;
  };
  const { boot } = await world.open();
  assert.deepEqual(
    boot.above.map((found) => (found.state === 'accepted' ? text(found.record) : found.state)),
    ['accepted 1 new', 'accepted 2 other'],
  );
  assert.deepEqual(boot.damaged, []);
  // And it is kept: it was moved to where this process appends.
  world.memory.powerCut(faultRandom(1));
  world.memory.plan = () => undefined;
  const [first] = (await world.open()).boot.above;
  assert.equal(first?.state === 'accepted' && text(first.record), 'accepted 1 new');
});

for (const copies of [0, 1]) {
  test(`a promise outlives a failed sync of its copy ${copies + 1} and a torn write of the other`, async () => {
    const world = new LogWorld();
    const { log } = await world.open();
    await log.promise(ballot(1));
    let syncs = 0;
    const isPromise = ({ path }: DiskCall) => path.includes('promise');
    world.memory.plan = once((call) => isPromise(call) && call.method === 'sync' && syncs++ === copies, { lose: true });
    await assert.rejects(log.promise(ballot(2)));
    world.memory.kill();

    world.memory.plan = () => undefined;
    const again = await world.open();
    const { promised } = again.boot;
    // Of the next promise the first copy is torn, and the other comes from the platter.
    let torn = '';
    world.memory.plan = once((call) => {
      if (!isPromise(call) || call.method !== 'write') return false;
      torn = call.path;
      return true;
    }, 'die-before');
    await assert.rejects(again.log.promise(ballot(3)));
    world.memory.flipBit(torn, 100);
    for (const path of world.memory.files()) if (path.includes('promise')) world.memory.evict(path);
    world.memory.plan = () => undefined;
    const last = await world.open();
    assert.ok(!last.boot.promiseLost);
    assert.deepEqual(last.boot.promised, promised);
  });
}
