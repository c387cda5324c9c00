import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Disk } from '../../src/base/disk.ts';
import { checkpointDirectory, machineDirectory, openCurrent, removeSuperseded } from '../../src/checkpoint/current.ts';
import { copySnapshot, incomingDirectory, installSnapshot } from '../../src/checkpoint/install.ts';
import { extractSnapshot } from '../../src/checkpoint/tar-reader.ts';
import { faultRandom } from '../support/fault-random.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';
import { ManualClock } from './support/manual-clock.ts';
import { clusterId } from './support/test-log.ts';
import { TestMachine } from './support/test-machine.ts';
import { databaseDirectory, level, openWorld, tarOf, writeSome } from './support/world.ts';

let tar: Buffer;
/** A replica at instance 6, which lags. */
let lagging: MemoryDisk;

before(async () => {
  const ahead = await openWorld({ machineIds: [1, 2] });
  writeSome(ahead, 25);
  writeSome(ahead, 25, 2);
  await ahead.manager.createSnapshot();
  tar = await tarOf(await ahead.manager.openSnapshot(51));
  await ahead.manager.stop();
  const behind = await openWorld({ machineIds: [1, 2] });
  writeSome(behind, 5);
  await level(behind);
  await behind.manager.stop();
  lagging = behind.memory;
});

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield tar;
}

async function receive(disk: Disk): Promise<void> {
  const directory = incomingDirectory(databaseDirectory, 'abc');
  await extractSnapshot(bytes(), { disk, clock: new ManualClock(), directory });
}

function install(disk: Disk, changed: Partial<Parameters<typeof installSnapshot>[0]> = {}) {
  const machines = [new TestMachine(1, disk), new TestMachine(2, disk)];
  const expected = { clusterId, database: 'main', newerThan: 6 };
  return installSnapshot({ disk, databaseDirectory, incomingId: 'abc', machines, ...expected, ...changed });
}

/** Boots the machines of the present checkpoint and says where they are. */
async function instances(disk: Disk): Promise<number[]> {
  const { directory } = await openCurrent(disk, databaseDirectory);
  const found: number[] = [];
  for (const id of [1, 2]) {
    found.push((await new TestMachine(id, disk, machineDirectory(directory, id)).open()).checkpointInstance());
  }
  return found;
}

test('an install switches all machines at once; the old checkpoint stays until the new one has booted', async () => {
  const memory = lagging.clone();
  const disk = memory.mount();
  await receive(disk);
  assert.deepEqual(await instances(memory.clone().mount()), [6, 6]);
  assert.deepEqual(await install(disk), { install: 2 });
  for (let boot = 0; boot < 2; boot += 1) assert.deepEqual(await instances(disk), [51, 51]);
  assert.deepEqual(await disk.list(`${databaseDirectory}/checkpoints`), ['1', '2']);
  await removeSuperseded(disk, databaseDirectory, 2);
  assert.deepEqual(await instances(disk), [51, 51]);
  const { group } = await openCurrent(disk, databaseDirectory);
  assert.equal(group.group?.clusterId, clusterId);
  const files = await disk.list(checkpointDirectory(databaseDirectory, 2));
  assert.deepEqual(files, ['group.json', 'machine-1', 'machine-2']);
});

test('a power cut at any disk call of receiving, installing and booting, twice in a row: the old state or the new', async () => {
  let sawOld = 0;
  for (let call = 1; ; call += 1) {
    const memory = lagging.clone();
    const last = memory.callCount + call;
    memory.plan = ({ number }) => (number === last ? 'die-after' : undefined);
    const disk = memory.mount();
    const done = await (async () => {
      await receive(disk);
      await install(disk);
      await instances(disk);
    })().then(
      () => true,
      () => false,
    );
    memory.powerCut(faultRandom(call));
    // The boot after it dies as well.
    const second = memory.callCount + (call % 7) + 1;
    memory.plan = ({ number }) => (number === second ? 'die-after' : undefined);
    await instances(memory.mount()).catch(() => undefined);
    memory.plan = () => undefined;
    memory.powerCut(faultRandom(call + 1));

    const found = await instances(memory.mount());
    const isOld = found.every((instance) => instance === 6);
    assert.ok(isOld || found.every((instance) => instance === 51), `call ${call}: ${found.join()}`);
    if (isOld) sawOld += 1;
    if (done) {
      assert.ok(!isOld);
      break;
    }
  }
  assert.ok(sawOld > 20);
});

test('a snapshot that is not newer, of another cluster or of another database is refused and changes nothing', async () => {
  const memory = lagging.clone();
  const disk = memory.mount();
  await receive(disk);
  await assert.rejects(install(disk, { newerThan: 51 }), { code: 'snapshot-damaged' });
  await assert.rejects(install(disk, { clusterId: 'other' }), { code: 'wrong-cluster' });
  await assert.rejects(install(disk, { database: 'other' }), { code: 'wrong-cluster' });
  await assert.rejects(install(disk, { machines: [new TestMachine(1, disk)] }), /machine 2, which is not registered/);
  assert.deepEqual(await instances(disk), [6, 6]);
});

test('what rotted between receiving and installing is refused', async () => {
  const memory = lagging.clone();
  const disk = memory.mount();
  await receive(disk);
  const directory = incomingDirectory(databaseDirectory, 'abc');
  for (const path of memory.files().filter((each) => each.startsWith(directory))) {
    memory.flipBit(path, 100);
    await assert.rejects(install(disk), { code: 'snapshot-damaged' }, path);
    memory.flipBit(path, 100);
  }
  assert.deepEqual(await instances(disk), [6, 6]);
});

test('a rotten checkpoint is rebuilt from the replica’s own snapshot', async () => {
  const world = await openWorld({ machineIds: [1, 2] });
  writeSome(world, 30);
  const { instance } = await world.manager.createSnapshot('automatic');
  writeSome(world, 10);
  await level(world);
  await world.manager.stop();
  const { disk } = world;
  await copySnapshot(disk, `${databaseDirectory}/snapshots/${instance}`, incomingDirectory(databaseDirectory, 'abc'));
  await install(disk, { newerThan: 0 });
  assert.deepEqual(await instances(disk), [instance, instance]);
});
