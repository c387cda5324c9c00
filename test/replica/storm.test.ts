/** Three real replicas while processes die, wires are cut and disks hang, again and again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { faultRandom } from '../support/fault-random.ts';
import { ClusterWorld, type Node } from './cluster-world.ts';
import { bytesOf } from './list-machine.ts';

const ids = [1, 2, 3];
const rounds = 25;

for (const seed of [1, 2, 3]) {
  test(`what was acknowledged is on every replica, once and in its place, whatever happened (seed ${seed})`, async () => {
    const random = faultRandom(seed);
    const pick = (below: number) => random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) % below;
    const world = await ClusterWorld.ofThree();
    const acknowledged: { readonly place: number; readonly text: string }[] = [];
    const refused = new Set<string>();
    const down = new Set<number>();
    let asked = 0;

    const write = (node: Node): void => {
      const text = `${node.id}.${asked++}`;
      node.replica.propose(1, bytesOf(text), { deadline: world.clock.monotonic() + 2_000 }).then(
        ({ outcome }) => acknowledged.push({ place: Number(outcome), text }),
        (error: unknown) => {
          assert(error instanceof LoggosError);
          if (error.code !== 'outcome-unknown') refused.add(text);
        },
      );
    };
    const faults: ((id: number) => Promise<void>)[] = [
      async (id) => {
        if (down.has(id)) return;
        down.add(id);
        await world.kill(id);
      },
      async (id) => {
        world.networks.isolate(
          `r${id}`,
          ids.filter((other) => other !== id).map((other) => `r${other}`),
        );
      },
      async (id) => world.node(id).log.hold(),
      async (id) => {
        world.networks.cut.add(`r${id}>r${(id % 3) + 1}`);
        for (const connection of world.networks.connections) if (pick(3) === 0) connection.reset();
      },
      async (id) => {
        const [leader] = world.leaders;
        leader?.replica.transferLeadership(id, world.clock.monotonic() + 1_000).catch(() => undefined);
      },
      async (id) => {
        world.node(id).pressure = 1;
      },
    ];
    const mend = async (): Promise<void> => {
      world.networks.heal();
      for (const id of down) await world.boot(id);
      down.clear();
      for (const node of world.all) {
        node.log.release();
        node.pressure = 0;
      }
    };

    for (let round = 0; round < rounds; round++) {
      for (let count = pick(3); count > 0; count--) await faults[pick(faults.length)]?.(1 + pick(3));
      for (let count = 0; count < 40; count++) {
        for (const node of world.all) if (!down.has(node.id) && pick(3) === 0) write(node);
        await world.clock.pass(5 * (1 + pick(8)));
      }
      if (pick(2) === 0) await mend();
    }
    await mend();
    await world.clock.pass(3_000);
    await world.untilLed();
    await world.untilLevel();
    const [first] = world.all;
    assert(first !== undefined);
    const { texts } = first.machine;
    for (const { machine, fatal, replica } of world.all) {
      assert.deepEqual(machine.texts, texts);
      assert.deepEqual(fatal, []);
      assert.equal(replica.state.name, 'running');
    }
    for (const { place, text } of acknowledged) assert.equal(texts[place - 1], text, 'each in the place it was told');
    assert.equal(new Set(texts).size, texts.length, 'nothing is there twice');
    for (const text of texts) assert(!refused.has(text), `${text} was refused as surely not done`);
    assert(acknowledged.length > rounds, `${acknowledged.length} were acknowledged`);
    await world.stop();
  });
}
