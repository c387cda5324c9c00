/** A replica over the real log and a disk that forgets what was not synced, killed at random calls, again and again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { openLog } from '../../src/log/open-log.ts';
import type { Membership } from '../../src/paxos/chosen-value.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { faultRandom } from '../support/fault-random.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { bytesOf, ListMachine } from './list-machine.ts';
import { bootReplica, TestClock } from './replica-world.ts';

const rounds = 8;
const clients = 8;
const seeds = [1, 2, 3];

for (const seed of seeds) {
  test(`acknowledged proposals are there once and in order after every kill and power cut (seed ${seed})`, async () => {
    const random = faultRandom(seed);
    const pick = (below: number) => (random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) >>> 0) % below;
    const memory = new MemoryDisk();
    const memberships: { instance: number; membership: Membership }[] = [];
    const acknowledged: { instance: number; place: number; text: string }[] = [];
    const asked = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const { log, boot } = await openLog({
        disk: memory.mount(),
        directory: '/log',
        identity: 'test',
        checkpointInstance: 0,
        hashes: systemHashes,
        clock: new TestClock(),
        observer: silentObserver,
        segmentBytes: 64 * 1024,
      });
      assert.deepEqual(boot.damaged, [], `round ${round}: a crash is never taken for damage`);
      const machine = new ListMachine();
      const { replica } = await bootReplica({ log, boot, machines: [machine], memberships });
      check(machine, acknowledged, asked);

      const killAt = memory.callCount + 20 + pick(150);
      const isPowerCut = pick(2) === 0;
      memory.plan = ({ number }) => {
        if (number < killAt) return undefined;
        return pick(2) === 0 ? 'die-before' : 'die-after';
      };
      await Promise.all(
        Array.from({ length: clients }, async (_, client) => {
          for (let count = 0; ; count++) {
            const text = `${round}.${client}.${count}.${'x'.repeat(pick(300))}`;
            asked.add(text);
            try {
              const { instance, outcome } = await replica.propose(1, bytesOf(text));
              acknowledged.push({ instance, place: Number(outcome), text });
            } catch {
              return;
            }
          }
        }),
      );
      await replica.stop();
      memory.plan = () => undefined;
      if (isPowerCut) memory.powerCut(random);
      else memory.kill();
      await log.close().catch(() => undefined);
    }
    assert(acknowledged.length > rounds * clients, 'the rounds did some work');
  });
}

function check(
  machine: ListMachine,
  acknowledged: readonly { place: number; text: string }[],
  asked: ReadonlySet<string>,
): void {
  for (const { place, text } of acknowledged)
    assert.equal(machine.texts[place - 1], text, 'each in the place it was told');
  assert.equal(new Set(machine.texts).size, machine.texts.length, 'nothing is there twice');
  for (const text of machine.texts) assert(asked.has(text), 'nothing is there that nobody asked for');
}
