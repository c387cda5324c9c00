import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { ballotZero } from '../../src/paxos/ballot.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { systemRandom } from '../../src/system/random.ts';
import { Links } from '../../src/transport/links.ts';
import { findCluster } from '../../src/transport/lobby.ts';
import { ManualClock } from '../replica/manual-clock.ts';
import { MemoryNetworks } from './memory-network.ts';

const founders = [1, 2, 3].map((id) => ({ id, name: `r${id}`, address: `r${id}` }));

class World {
  readonly clock = new ManualClock();
  readonly networks = new MemoryNetworks();
  readonly missing = new Map<number, readonly string[]>();
  readonly said: { readonly id: number; readonly event: string; readonly missing: unknown }[] = [];
  /** What each found; it goes on as a replica of that cluster then. */
  readonly found = new Map<number, string>();
  newCount = 0;

  enter(id: number): void {
    const options = {
      ...{ database: 'main', network: this.networks.at(`r${id}`), clock: this.clock },
      ...{ random: systemRandom, hashes: systemHashes },
    };
    const cluster = findCluster({
      ...{ ...options, self: id, founders },
      observer: {
        ...silentObserver,
        report: (_level, event, facts) => this.said.push({ id, event, missing: facts?.missing }),
      },
      newClusterId: () => `cluster ${++this.newCount} of ${id}`,
      onMissing: (names) => this.missing.set(id, names),
    });
    void cluster.then(async (clusterId) => {
      this.found.set(id, clusterId);
      await this.serve(id, clusterId);
    });
  }

  /** Comes back as a replica of a cluster. */
  async serve(id: number, clusterId: string): Promise<Links> {
    const self = { replica: id, incarnation: `00000000000000a${id}`, session: 's', clusterId };
    const links = new Links({
      ...{ database: 'main', network: this.networks.at(`r${id}`), clock: this.clock, messageBytesMax: 1e6 },
      ...{ random: systemRandom, hashes: systemHashes, observer: silentObserver, onMessage: () => undefined },
      self: { ...self, promised: ballotZero, lastInstance: 0, isDoubtful: false },
    });
    await links.start();
    links.know(clusterId, founders);
    return links;
  }
}

test('founders wait for each other, say for whom, and are of one cluster that the first of them names', async () => {
  const world = new World();
  world.enter(2);
  world.enter(1);
  await world.clock.pass(25_000);
  assert.deepEqual([world.missing.get(1), world.missing.get(2)], [['r3'], ['r3']]);
  assert.deepEqual(
    world.said.findLast(({ id }) => id === 1),
    { id: 1, event: 'waiting-for-peers', missing: 'r3' },
  );
  assert.equal(world.found.size, 0);
  world.enter(3);
  await world.clock.until(() => world.found.size === 3, 'all know it');
  assert.deepEqual([...new Set(world.found.values())], ['cluster 1 of 1']);
});

test('one that comes late or comes back empty, the first one too, is of the cluster that another one is of', async () => {
  const world = new World();
  await world.serve(3, 'a cluster');
  world.enter(2);
  await world.clock.until(() => world.found.get(2) === 'a cluster', 'a late one learns it, whoever is missing');
  world.enter(1);
  await world.clock.until(() => world.found.get(1) === 'a cluster', 'the first one names no other');
  assert.equal(world.newCount, 0);
});

test('one that is no founder names no cluster, and a group of one waits for nobody', async () => {
  const world = new World();
  world.enter(2);
  await world.clock.pass(100);
  const stranger = await world.serve(9, 'another cluster');
  stranger.know('another cluster', founders);
  await world.clock.pass(2_000);
  assert.equal(world.found.size, 0);
  stranger.stop();
  const alone = await findCluster({
    ...{ database: 'main', self: 1, founders: founders.slice(0, 1), network: world.networks.at('r1') },
    ...{ clock: world.clock, random: systemRandom, hashes: systemHashes, observer: silentObserver },
    newClusterId: () => 'new',
    onMissing: () => undefined,
  });
  assert.equal(alone, 'new');
});
