import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LoggosError } from '../../src/base/errors.ts';
import { type Manifest, printManifest, readManifest } from '../../src/checkpoint/manifest.ts';
import { fileLocks } from '../../src/checkpoint/snapshot-locks.ts';
import { Snapshots } from '../../src/checkpoint/snapshots.ts';
import { verifySnapshot } from '../../src/checkpoint/verify.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { faultRandom } from '../support/fault-random.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';
import { ManualClock, settle } from './support/manual-clock.ts';
import { TestMachine } from './support/test-machine.ts';
import { databaseDirectory, level, openWorld, tarOf, type World, writeSome } from './support/world.ts';

const verify = (world: World, source: string) =>
  verifySnapshot(source, { disk: world.disk, clock: world.clock, random: faultRandom(9), machines: world.machines });

test('a snapshot has everything applied before it was asked for, and verifies', async () => {
  const world = await openWorld({ machineIds: [1, 2] });
  writeSome(world, 25);
  writeSome(world, 15, 2);
  const info = await world.manager.createSnapshot();
  assert.equal(info.instance, 41);
  assert.equal(info.position, 25);
  assert.equal(info.locks, 0);
  const report = await verify(world, `${databaseDirectory}/snapshots/41`);
  assert.equal(report.kind, 'snapshot');
  assert.deepEqual(report.kind === 'snapshot' && report.manifest.machines.map(({ id }) => id), [1, 2]);
  assert.deepEqual(report.kind === 'snapshot' && report.manifest.files.map(({ name }) => name), [
    'group.json',
    'machine-1/lines/000000.ndjson',
    'machine-1/lines/000001.ndjson',
    'machine-1/state.json',
    'machine-2/lines/000000.ndjson',
    'machine-2/state.json',
  ]);
  await world.manager.stop();
});

test('where nothing was written since, the newest snapshot is the answer; no-ops are no writes', async () => {
  const world = await openWorld();
  await assert.rejects((await openWorld({ begin: false })).manager.createSnapshot(), { code: 'not-found' });
  writeSome(world, 5);
  const first = await world.manager.createSnapshot();
  world.log.noOp();
  assert.deepEqual(await world.manager.createSnapshot(), first);
  writeSome(world, 1);
  const second = await world.manager.createSnapshot();
  assert.equal(second.instance, 8);
  assert.deepEqual(
    (await world.manager.listSnapshots()).map(({ instance }) => instance),
    [6, 8],
  );
  await world.manager.stop();
});

test('calls that come while one is sealed share the next one, which has their writes', async () => {
  const world = await openWorld();
  writeSome(world, 5);
  const first = world.manager.createSnapshot();
  await settle(2);
  writeSome(world, 5);
  const others = [world.manager.createSnapshot(), world.manager.createSnapshot(), world.manager.createSnapshot()];
  assert.equal((await first).instance, 6);
  for (const info of await Promise.all(others)) assert.equal(info.instance, 11);
  await world.manager.stop();
});

test('a snapshot stays what it was while the checkpoint moves on', async () => {
  const world = await openWorld();
  writeSome(world, 35);
  await world.manager.createSnapshot();
  const tar = await world.manager.openSnapshot(36);
  const before = await tarOf(tar);
  writeSome(world, 500);
  await level(world);
  assert.deepEqual(await tarOf(tar), before);
  await verify(world, `${databaseDirectory}/snapshots/36`);
  await tar.release();
  await world.manager.stop();
});

test('the tar is the same bytes on two replicas, and each of its ranges is that slice of it', async () => {
  const tars: Buffer[] = [];
  for (const seed of [1, 2]) {
    const world = await openWorld({ seed });
    writeSome(world, 42);
    await world.manager.createSnapshot();
    const tar = await world.manager.openSnapshot(43);
    const whole = await tarOf(tar);
    assert.equal(whole.byteLength, tar.bytes);
    assert.equal((await world.manager.listSnapshots())[0]?.bytes, tar.bytes);
    tars.push(whole);
    await fc.assert(
      fc.asyncProperty(fc.nat(tar.bytes - 1), fc.nat(tar.bytes - 1), async (left, right) => {
        const [first, last] = [Math.min(left, right), Math.max(left, right)];
        assert.deepEqual(await tarOf(tar, first, last), whole.subarray(first, last + 1));
      }),
      { numRuns: 200 },
    );
    await tar.release();
    await world.manager.stop();
  }
  assert.deepEqual(tars[0], tars[1]);
});

test('stock tar lists and unpacks it, and the unpacked one verifies', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-tar-'));
  try {
    const world = await openWorld();
    writeSome(world, 42);
    await world.manager.createSnapshot();
    const tar = await world.manager.openSnapshot(43);
    writeFileSync(join(directory, 'backup.tar'), await tarOf(tar));
    await tar.release();
    const listed = execFileSync('tar', ['-tvf', 'backup.tar'], { cwd: directory, encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(
      listed.map((line) => line.split(' ').at(-1)),
      ['manifest.json', ...tar.manifest.files.map(({ name }) => name)],
    );
    assert.match(listed[0] ?? '', /^-rw------- 0\/0 /);
    await mkdir(join(directory, 'unpacked'));
    execFileSync('tar', ['-xf', '../backup.tar'], { cwd: join(directory, 'unpacked') });
    for (const source of ['backup.tar', 'unpacked']) {
      const progress: number[] = [];
      const report = await verifySnapshot(join(directory, source), {
        disk: new PoolDisk(),
        clock: world.clock,
        random: faultRandom(1),
        machines: [new TestMachine(1, new PoolDisk())],
        onProgress: (done) => progress.push(done),
      });
      assert.ok(report.kind === 'snapshot' && report.manifest.instance === 43);
      assert.ok(progress.length > 0);
    }
    await world.manager.stop();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a crash or a power cut at any disk call of a seal leaves a whole snapshot or none, and no leftovers', async () => {
  const prepared = await openWorld();
  writeSome(prepared, 21);
  await level(prepared);
  await prepared.manager.stop();
  for (let call = 1; ; call += 1) {
    const memory = prepared.memory.clone();
    const world = await openWorld({ memory, begin: false });
    world.log.apply({ kind: 'no-op' });
    world.memory.plan = countdown(call, memory);
    const sealed = await world.manager.createSnapshot().then(
      () => true,
      () => false,
    );
    memory.plan = () => undefined;
    if (call % 2 === 0) memory.kill();
    else memory.powerCut(faultRandom(call));
    await world.manager.stop();

    const again = await openWorld({ memory, begin: false });
    const list = await again.manager.listSnapshots();
    if (sealed) assert.equal(list.length, 1);
    for (const { instance } of list) await verify(again, `${databaseDirectory}/snapshots/${instance}`);
    assert.deepEqual(
      await again.disk.list(`${databaseDirectory}/snapshots`),
      list.map(({ instance }) => String(instance)),
    );
    await again.manager.stop();
    if (sealed) return;
  }
});

test('one that is read is in use; released it goes, and a crash at any disk call leaves it whole or gone', async () => {
  const prepared = await openWorld();
  writeSome(prepared, 21);
  await prepared.manager.createSnapshot();
  const readers = [await prepared.manager.openSnapshot(22), await prepared.manager.openSnapshot(22)];
  assert.equal((await prepared.manager.listSnapshots())[0]?.locks, 2);
  for (const reader of readers) {
    await assert.rejects(prepared.manager.removeSnapshot(22), { code: 'in-use' });
    await reader.release();
    await reader.release();
  }
  await assert.rejects(prepared.manager.removeSnapshot(7), { code: 'not-found' });
  await prepared.manager.stop();
  for (let call = 1; ; call += 1) {
    const memory = prepared.memory.clone();
    const world = await openWorld({ memory, begin: false });
    memory.plan = countdown(call, memory);
    const removed = await world.manager.removeSnapshot(22).then(
      () => true,
      () => false,
    );
    memory.plan = () => undefined;
    memory.powerCut(faultRandom(call));
    await world.manager.stop();
    const again = await openWorld({ memory, begin: false });
    const list = await again.manager.listSnapshots();
    for (const { instance } of list) await verify(again, `${databaseDirectory}/snapshots/${instance}`);
    assert.deepEqual(await again.disk.list(`${databaseDirectory}/snapshots`), list.length === 0 ? [] : ['22']);
    await again.manager.stop();
    if (removed) {
      assert.equal(list.length, 0);
      return;
    }
  }
});

test('of those made automatically the newest two stay, and one begun to be downloaded for an hour; asked-for ones stay', async () => {
  const world = await openWorld();
  const seal = async (kind: 'kept' | 'automatic') => {
    writeSome(world, 1);
    return (await world.manager.createSnapshot(kind)).instance;
  };
  const listed = async () => (await world.manager.listSnapshots()).map(({ instance }) => instance);
  const kept = await seal('kept');
  const begun = await seal('automatic');
  await (await world.manager.openSnapshot(begun)).release();
  const later = [await seal('automatic'), await seal('automatic'), await seal('automatic')];
  assert.deepEqual(await listed(), [kept, begun, ...later.slice(1)]);
  world.clock.advance(3_600_001);
  await settle();
  assert.deepEqual(await listed(), [kept, ...later.slice(1)]);
  // Asked for now: it is no longer Loggos's to drop.
  const [, newest] = later.slice(1);
  assert.equal((await world.manager.createSnapshot('kept')).instance, newest);
  await seal('automatic');
  await seal('automatic');
  await seal('automatic');
  assert.ok((await listed()).includes(newest ?? 0));
  await world.manager.stop();
});

test('three downloads begun and not ended are the most; more are busy and say which to resume or delete', async () => {
  const world = await openWorld();
  const download = async (isWhole: boolean) => {
    writeSome(world, 1);
    const { instance } = await world.manager.createSnapshot('automatic');
    const tar = await world.manager.openSnapshot(instance);
    if (isWhole) await tarOf(tar);
    await tar.release();
    return instance;
  };
  for (let round = 0; round < 10; round += 1) await download(true);
  assert.equal((await world.manager.listSnapshots()).length, 2);
  const begun = [await download(false), await download(false), await download(false)];
  const names = begun.map((instance) => `snapshots/${instance}.tar`).join(', ');
  await assert.rejects(download(false), { code: 'busy', message: new RegExp(names) });
  // Nothing is refused that makes no copy, nor what somebody asked to keep.
  writeSome(world, 1);
  await world.manager.createSnapshot('kept');
  await world.manager.createSnapshot('automatic');
  const [first] = begun;
  await world.manager.removeSnapshot(first ?? 0);
  await download(false);
  await assert.rejects(download(false), { code: 'busy' });
  world.clock.advance(3_600_001);
  await download(false);
  await world.manager.stop();
});

test('a reader that is released after the end leaves no timer', async () => {
  const world = await openWorld();
  const instances: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    writeSome(world, 1);
    instances.push((await world.manager.createSnapshot('automatic')).instance);
    if (round === 0) await (await world.manager.openSnapshot(instances[0] ?? 0)).release();
  }
  const tar = await world.manager.openSnapshot(instances[0] ?? 0);
  await world.manager.stop();
  await tar.release();
  await settle();
  assert.equal(world.clock.timerCount, 0);
});

test('a full disk is told as such: a snapshot before it is begun, a configuration, a lock', async () => {
  const locks = {
    acquire: async () => {
      throw Object.assign(new Error('ENOSPC: /secret/place'), { code: 'ENOSPC' });
    },
    isLive: async () => false,
  };
  const world = await openWorld({ locks });
  writeSome(world, 25);
  await world.manager.createSnapshot();
  await assert.rejects(world.manager.openSnapshot(26), { code: 'no-room', message: /^[^/]*$/ });
  writeSome(world, 5);
  await level(world);
  world.memory.capacityBytes = world.memory.usedBytes + 1_000_000;
  await assert.rejects(world.manager.createSnapshot(), { code: 'no-room', message: /needs \d+ bytes/ });
  assert.deepEqual(await world.disk.list(`${databaseDirectory}/snapshots`), ['26']);
  world.memory.capacityBytes = world.memory.usedBytes;
  await assert.rejects(world.manager.createSnapshot(), { code: 'no-room' });
  await assert.rejects(world.manager.configure({ holdCount: 5 }), { code: 'no-room', message: /^[^/]*$/ });
  world.memory.capacityBytes = Number.POSITIVE_INFINITY;
  await world.manager.configure({ holdCount: 5 });
  await world.manager.createSnapshot();
  await world.manager.stop();
});

test('a snapshot whose manifest or layout is damaged is not given out', async () => {
  const world = await openWorld();
  writeSome(world, 21);
  await world.manager.createSnapshot();
  world.memory.flipBit(`${databaseDirectory}/snapshots/22/tar.headers`, 1_000);
  await assert.rejects(world.manager.openSnapshot(22), { code: 'snapshot-damaged' });
  await world.manager.stop();
  world.memory.flipBit(`${databaseDirectory}/snapshots/22/manifest.json`, 1_000);
  const again = await openWorld({ memory: world.memory, begin: false });
  assert.deepEqual(await again.manager.listSnapshots(), []);
  assert.ok(again.observer.has('snapshot-damaged'));
  await again.manager.stop();
});

test('a flipped bit anywhere in a sealed snapshot is found', async () => {
  const world = await openWorld();
  writeSome(world, 21);
  await world.manager.createSnapshot();
  const directory = `${databaseDirectory}/snapshots/22`;
  for (const path of world.memory.files().filter((each) => each.startsWith(directory))) {
    if (path.endsWith('tar.headers')) continue;
    const bits = world.memory.bytesOf(path).byteLength * 8;
    for (let bit = 3; bit < bits; bit += Math.max(1, Math.floor(bits / 20))) {
      world.memory.flipBit(path, bit);
      await assert.rejects(verify(world, directory), { code: 'snapshot-damaged' }, `${path} bit ${bit}`);
      world.memory.flipBit(path, bit);
    }
  }
  await verify(world, directory);
  await world.disk.makeDirectory(`${directory}/machine-1/lines`);
  await (await world.disk.open(`${directory}/machine-1/extra`, 'create')).close();
  await assert.rejects(verify(world, directory), /which is not listed/);
  await world.manager.stop();
});

test('a group of one seals and verifies a snapshot of itself, and the log after it stays', async () => {
  const world = await openWorld({ isAlone: () => true, selfSealBytesMin: 20_000 });
  await world.manager.configure({ holdCount: 0 });
  for (let round = 0; round < 100; round += 1) {
    writeSome(world, 10);
    await level(world);
    await settle(10);
    world.clock.advance(100);
  }
  await settle(200);
  const newest = world.manager.newestVerifiedSnapshot;
  assert.ok(newest !== undefined && newest > 200, `${newest}`);
  assert.ok((await world.manager.listSnapshots()).length <= 2);
  assert.ok(world.log.minChosenInstance <= newest + 1);
  assert.ok(world.log.minChosenInstance > 1);
  await world.manager.stop();
});

/** Verification of snapshots waits until it is let go. */
function heldVerification({ machines }: World): PromiseWithResolvers<void> {
  const [machine] = machines;
  assert.ok(machine !== undefined);
  const held = Promise.withResolvers<void>();
  const verifyState = machine.verifyCheckpointState.bind(machine);
  machine.verifyCheckpointState = async (...parameters) => {
    await held.promise;
    return verifyState(...parameters);
  };
  return held;
}

async function write(world: World, count: number): Promise<void> {
  for (let round = 0; round < count / 10; round += 1) {
    writeSome(world, 10);
    await level(world);
    await settle(10);
    world.clock.advance(100);
  }
  await settle(200);
}

/** Every turn of the event loop at which a removal may come while another one is asked for. */
test('whoever asks for a snapshot while the same one is removed gets one that was there, or a new one, never a refusal', async () => {
  for (const kind of ['automatic', 'kept'] as const) {
    for (let turns = -20; turns < 40; turns += 1) {
      const world = await openWorld();
      writeSome(world, 5);
      await world.manager.createSnapshot('automatic');
      const early = turns < 0 ? world.manager.removeSnapshot(6) : undefined;
      for (let turn = turns; turn < 0; turn += 1) await undefined;
      const asked = world.manager.createSnapshot(kind);
      for (let turn = 0; turn < turns; turn += 1) await undefined;
      const removed = early ?? world.manager.removeSnapshot(6);
      const [made, gone] = await Promise.allSettled([asked, removed]);
      assert.equal(made.status, 'fulfilled', `${kind}, ${turns}: ${String(made.status === 'rejected' && made.reason)}`);
      assert.equal(made.value.instance, 6);
      assert.equal(gone.status, 'fulfilled', `${kind}, ${turns}: ${String(gone.status === 'rejected' && gone.reason)}`);
      assert.ok(!world.observer.has('seal-failed'));
      const names = await world.disk.list(`${databaseDirectory}/snapshots`);
      const listed = (await world.manager.listSnapshots()).map(({ instance }) => String(instance));
      assert.deepEqual(names, listed, 'what is on the disk is what is listed');
      await world.manager.stop();
    }
  }
});

test('a removal waits for the mark to go that lets retention drop it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-'));
  const disk = new PoolDisk();
  const sync = disk.syncDirectory.bind(disk);
  disk.syncDirectory = async (path) => {
    if (/snapshots\/\d+$/.test(path)) await new Promise((resolve) => setTimeout(resolve, 50));
    await sync(path);
  };
  const world = await openWorld({ disk, databaseDirectory: join(directory, 'databases/main') });
  try {
    writeSome(world, 1);
    const { instance } = await world.manager.createSnapshot('automatic');
    const asked = world.manager.createSnapshot('kept');
    await settle(5);
    await world.manager.removeSnapshot(instance);
    assert.equal((await asked).instance, instance);
  } finally {
    await world.manager.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a removal while another snapshot gets its name takes away the older one only', async () => {
  for (let turns = 0; turns < 120; turns += 3) {
    const world = await openWorld();
    writeSome(world, 5);
    await world.manager.createSnapshot();
    writeSome(world, 1);
    const asked = world.manager.createSnapshot();
    for (let turn = 0; turn < turns; turn += 1) await undefined;
    await world.manager.removeSnapshot(6);
    assert.equal((await asked).instance, 7);
    assert.deepEqual(await world.disk.list(`${databaseDirectory}/snapshots`), ['7']);
    await world.manager.stop();
  }
});

test('a group of one drops no log before its first snapshot is verified, which it makes as soon as log may go', async () => {
  const world = await openWorld({ isAlone: () => true });
  const held = heldVerification(world);
  await world.manager.configure({ holdCount: 0, holdBytes: 0, holdSeconds: 0 });
  await write(world, 100);
  assert.equal((await world.manager.listSnapshots()).length, 1);
  assert.equal(world.manager.newestVerifiedSnapshot, undefined);
  assert.equal(world.log.minChosenInstance, 1);
  held.resolve();
  await write(world, 10);
  const base = world.manager.newestVerifiedSnapshot;
  assert.ok(base !== undefined);
  assert.ok(world.log.minChosenInstance <= base + 1);
  assert.ok(world.log.minChosenInstance > base - 10, 'what is behind the base is free');
  await world.manager.stop();
});

test('a snapshot that takes long to verify still has the log behind it, however much was written meanwhile', async () => {
  const world = await openWorld({ isAlone: () => true, selfSealBytesMin: 2_000 });
  const held = heldVerification(world);
  await world.manager.configure({ holdCount: 0, holdBytes: 0, holdSeconds: 0 });
  await write(world, 50);
  const [sealed] = await world.manager.listSnapshots();
  assert.ok(sealed !== undefined);
  const bytesBefore = world.log.bytesFrom(1);
  await write(world, 1_000);
  assert.ok(world.log.bytesFrom(sealed.instance + 1) > 10 * bytesBefore, 'far beyond what is held for a rebuild');
  assert.ok(world.log.minChosenInstance <= sealed.instance + 1);
  held.resolve();
  await settle(200);
  await write(world, 20);
  const base = world.manager.newestVerifiedSnapshot;
  assert.ok(base !== undefined && world.log.minChosenInstance <= base + 1);
  assert.ok(world.log.minChosenInstance > sealed.instance - 10);
  await world.manager.stop();
});

test('a snapshot of itself that does not verify is dropped and told, and log is not cleaned on its word', async () => {
  const rot: unknown[] = [];
  const world = await openWorld({ isAlone: () => true, selfSealBytesMin: 5_000, onRot: (error) => rot.push(error) });
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  machine.verifyCheckpointState = async () => {
    throw new LoggosError('snapshot-damaged', 'planned');
  };
  writeSome(world, 300);
  await level(world);
  await settle(300);
  assert.equal(rot.length, 1);
  assert.equal(world.manager.newestVerifiedSnapshot, undefined);
  assert.deepEqual(await world.manager.listSnapshots(), []);
  assert.ok(world.observer.has('self-seal-failed'));
  await world.manager.stop();
});

test('a manifest that was edited and sealed again does not verify: the machines recompute what it claims', async () => {
  const world = await openWorld();
  writeSome(world, 21);
  await world.manager.createSnapshot();
  const directory = `${databaseDirectory}/snapshots/22`;
  const original = world.memory.bytesOf(`${directory}/manifest.json`);
  const { manifest } = readManifest(original);
  const [machine] = manifest.machines;
  assert.ok(machine !== undefined);
  const other = Buffer.alloc(32, 1).toString('base64url');
  const edits: Partial<Manifest>[] = [
    { clusterId: 'other' },
    { historyId: 'other' },
    { parent: 'other' },
    { instance: 21 },
    { position: 20 },
    { chain: other },
    { digest: other },
    { machines: [{ ...machine, fingerprint: other }] },
    { machines: [{ ...machine, digest: other }] },
    { machines: [machine, { ...machine, id: 2 }] },
    { files: manifest.files.filter(({ name }) => name !== 'machine-1/lines/000000.ndjson') },
    { files: manifest.files.map((file) => ({ ...file, sha256: other })) },
  ];
  for (const edit of edits) {
    world.memory.overwrite(`${directory}/manifest.json`, printManifest({ ...manifest, ...edit }).bytes);
    await assert.rejects(verify(world, directory), { code: 'snapshot-damaged' }, JSON.stringify(edit));
  }
  world.memory.overwrite(`${directory}/manifest.json`, original);
  await verify(world, directory);
  await world.manager.stop();
});

test('between processes a lock a reader: a live one keeps a snapshot, one left behind does not', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-locks-'));
  try {
    const disk = new PoolDisk();
    const world = await openWorld({ disk, databaseDirectory: directory, locks: fileLocks });
    writeSome(world, 3);
    await world.manager.createSnapshot();
    const readers = join(directory, 'snapshots/4/readers');
    const reader = await world.manager.openSnapshot(4);
    assert.equal((await disk.list(readers)).length, 1);
    await reader.release();
    assert.equal((await disk.list(readers)).length, 0);

    const release = await fileLocks.acquire(join(readers, 'backup-1.lock'), () => undefined);
    assert.equal((await world.manager.listSnapshots())[0]?.locks, 1);
    await assert.rejects(world.manager.removeSnapshot(4), { code: 'in-use' });
    await release();

    await mkdir(join(readers, 'backup-2.lock'));
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(join(readers, 'backup-2.lock'), longAgo, longAgo);
    await world.manager.removeSnapshot(4);
    assert.deepEqual(await world.manager.listSnapshots(), []);
    await world.manager.stop();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a reader whose lock is lost is cut off, and the process goes on', async () => {
  const world = await openWorld();
  writeSome(world, 30);
  await world.manager.createSnapshot();
  let lose: (error: Error) => void = () => undefined;
  const snapshots = await Snapshots.open({
    disk: world.disk,
    clock: new ManualClock(),
    random: faultRandom(3),
    observer: world.observer,
    directory: `${databaseDirectory}/snapshots`,
    locks: {
      acquire: async (_, onCompromised) => {
        lose = onCompromised;
        return async () => undefined;
      },
      isLive: async () => false,
    },
  });
  const tar = await snapshots.open(31);
  const blocks = tar.read(0, tar.bytes - 1)[Symbol.asyncIterator]();
  await blocks.next();
  lose(new Error('planned'));
  await assert.rejects(async () => blocks.next(), { code: 'busy' });
  await tar.release();
  await snapshots.remove(31);
  await world.manager.stop();
});

/** Lets a number of calls through, then ends the process. */
function countdown(call: number, memory: MemoryDisk): MemoryDisk['plan'] {
  const last = memory.callCount + call;
  return ({ number }) => (number === last ? 'die-after' : undefined);
}
