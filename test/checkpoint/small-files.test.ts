import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { DiskError } from '../../src/base/disk.ts';
import { openCurrent, readCurrent, removeSuperseded, writeCurrent } from '../../src/checkpoint/current.ts';
import { GroupFile, groupAt, readGroup } from '../../src/checkpoint/group-file.ts';
import { type Identity, readIdentity, writeIdentity } from '../../src/checkpoint/identity-file.ts';
import { printSealed, readSealed } from '../../src/checkpoint/sealed-json.ts';
import { faultRandom } from '../support/fault-random.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

const identity: Identity = { clusterId: 'c1', replicaId: 1, name: 'loggos', incarnation: '0123456789abcdef' };

test('a sealed file is refused after any flipped bit, any cut, and anything behind its end', () => {
  const bytes = printSealed({ format: 1, name: 'loggos', list: [1, 2] });
  assert.deepEqual(readSealed(bytes, 'it', 'snapshot-damaged').body, { format: 1, name: 'loggos', list: [1, 2] });
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => readSealed(damaged, 'it', 'snapshot-damaged'), { code: 'snapshot-damaged' });
  }
  for (let length = 0; length < bytes.byteLength; length += 1) {
    assert.throws(() => readSealed(bytes.subarray(0, length), 'it', 'snapshot-damaged'), { code: 'snapshot-damaged' });
  }
  assert.throws(() => readSealed(Buffer.concat([bytes, bytes]), 'it', 'snapshot-damaged'));
});

test('a seal does not make white space or a second member of a name good', () => {
  for (const head of ['{"a":1, "b":2', '{"a":1,"a":2', '[1']) {
    assert.throws(() => readSealed(forge(head), 'it', 'snapshot-damaged'), { code: 'snapshot-damaged' });
  }
});

test('an identity is the old one or the new one after a power cut at any disk call', async () => {
  const before = new MemoryDisk();
  await before.mount().makeDirectory('/data');
  await before.mount().syncDirectory('/');
  await writeIdentity(before.mount(), '/data', identity);
  for (let call = 1; ; call += 1) {
    const disk = before.clone();
    disk.plan = ({ number }) => (number === call ? 'die-after' : undefined);
    const done = await writeIdentity(disk.mount(), '/data', { ...identity, name: 'gaios' }).then(
      () => true,
      () => false,
    );
    disk.plan = () => undefined;
    disk.powerCut(faultRandom(call));
    const found = await readIdentity(disk.mount(), '/data');
    assert.ok(found?.name === 'loggos' || found?.name === 'gaios');
    if (done) {
      assert.equal(found?.name, 'gaios');
      return;
    }
  }
});

test('group.json keeps memberships in order, once each, and those above an instance can be left out', async () => {
  const disk = new MemoryDisk().mount();
  await disk.makeDirectory('/checkpoint');
  const group = await GroupFile.open(disk, '/checkpoint');
  const member = { id: 1, name: 'loggos', incarnation: '0123456789abcdef', role: 'voter', address: '' } as const;
  const membership = { clusterId: 'c1', historyId: 'h1', members: [member] };
  group.add(1, membership);
  group.add(40, { ...membership, members: [member, { ...member, id: 2, name: 'gaios' }] });
  group.add(1, membership);
  await group.save();
  const again = await GroupFile.open(disk, '/checkpoint');
  assert.deepEqual(again.group, group.group);
  assert.equal(again.membershipAt(39)?.instance, 1);
  assert.equal(again.membershipAt(40)?.members.length, 2);
  assert.equal(again.membershipAt(0), undefined);
  assert.ok(again.group !== undefined);
  assert.equal(groupAt(again.group, 39).memberships.length, 1);
  assert.throws(() => group.add(50, { ...membership, clusterId: 'other' }), { name: 'InvariantError' });
});

test('a group.json of a later format is refused', () => {
  const later = printSealed({ format: 2, clusterId: 'c1', histories: [], memberships: [] });
  assert.throws(() => readGroup(later, 'checkpoint-damaged'), { code: 'checkpoint-damaged' });
});

test('the first boot makes the first checkpoint, after a power cut at any disk call too', async () => {
  for (let call = 1; ; call += 1) {
    const disk = new MemoryDisk();
    disk.plan = ({ number }) => (number === call ? 'die-after' : undefined);
    const done = await openCurrent(disk.mount(), '/data/databases/main').then(
      () => true,
      (error: DiskError) => error.kind !== 'failed',
    );
    disk.plan = () => undefined;
    disk.powerCut(faultRandom(call));
    const { install, directory } = await openCurrent(disk.mount(), '/data/databases/main');
    assert.equal(install, 1);
    assert.equal(directory, '/data/databases/main/checkpoints/1');
    if (done) return;
  }
});

test('boot removes incoming snapshots and checkpoints never switched to; superseded ones later; twice is once', async () => {
  const memory = new MemoryDisk();
  const disk = memory.mount();
  const database = '/data/databases/main';
  await openCurrent(disk, database);
  for (const path of ['checkpoints/2/machine-1', 'checkpoints/3/machine-1', 'checkpoints/.trash-x', 'incoming/abc']) {
    await disk.makeDirectory(`${database}/${path}`);
  }
  await writeCurrent(disk, database, 2);
  for (let boot = 0; boot < 2; boot += 1) {
    assert.equal((await openCurrent(disk, database)).install, 2);
    assert.deepEqual(await disk.list(`${database}/checkpoints`), ['1', '2']);
    assert.deepEqual(await disk.list(`${database}/incoming`), []);
  }
  for (let boot = 0; boot < 2; boot += 1) {
    await removeSuperseded(disk, database, 2);
    assert.deepEqual(await disk.list(`${database}/checkpoints`), ['2']);
  }
});

test('a damaged CURRENT, one that names nothing, and a lost one beside data are refused, and nothing is removed', async () => {
  const memory = new MemoryDisk();
  const disk = memory.mount();
  const database = '/data/databases/main';
  await openCurrent(disk, database);
  await disk.makeDirectory(`${database}/checkpoints/1/machine-1`);
  await disk.makeDirectory(`${database}/incoming/abc`);
  const unusable = { code: 'directory-unusable' };
  memory.flipBit(`${database}/CURRENT`, 77);
  await assert.rejects(openCurrent(disk, database), unusable);
  await writeCurrent(disk, database, 9);
  await assert.rejects(openCurrent(disk, database), unusable);
  await disk.remove(`${database}/CURRENT`);
  await assert.rejects(openCurrent(disk, database), unusable);
  assert.equal(await readCurrent(disk, database), undefined);
  assert.deepEqual(await disk.list(`${database}/checkpoints`), ['1']);
  assert.deepEqual(await disk.list(`${database}/incoming`), ['abc']);
});

function forge(head: string): Uint8Array {
  const seal = createHash('sha256').update(head).digest('base64url');
  return Buffer.from(`${head},"seal":"${seal}"}\n`);
}
