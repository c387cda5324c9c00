import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordBytes, segmentHeaderBytes } from '../../src/log/format.ts';
import type { LogBoot } from '../../src/log/log.ts';
import { faultRandom } from '../support/fault-random.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';
import { accepted, appendChosen, ballot, failsWith, LogWorld, readAll, settle, text } from './log-world.ts';

const one = '/log/0000000000000001.segment';
/** Records of the instances 1, 2, 3 …, each with 16 bytes. */
const recordLength = recordBytes(16);
const offsetOf = (instance: number) => segmentHeaderBytes + (instance - 1) * recordLength;

/** A log that was killed after five instances, each durable and chosen before the next; sealed if asked. */
async function fiveInstances(sealed: boolean): Promise<MemoryDisk> {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 5, 16);
  if (sealed) world.clock.pass(11);
  await settle();
  world.memory.kill();
  return world.memory;
}

/** What boot says of every instance from 1 to 6, in a letter: chosen, accepted, superseded perhaps, unknown, never. */
function said(boot: LogBoot, last = 6): string {
  return Array.from({ length: last }, (_, index) => {
    const instance = index + 1;
    if (instance <= boot.chosenTo) return 'c';
    const found = boot.above.find((it) => (it.state === 'accepted' ? it.record.instance : it.instance) === instance);
    if (found?.state === 'accepted') return found.maybeSuperseded === undefined ? 'a' : 's';
    if (found !== undefined) return 'u';
    return boot.cannotTellAbove !== undefined && instance > boot.cannotTellAbove ? 'u' : '-';
  }).join('');
}

async function bootOn(disk: MemoryDisk, checkpointInstance = 0) {
  const world = new LogWorld(disk);
  const opened = await world.open({ checkpointInstance });
  return { world, ...opened };
}

const header = 40;
const payload = 104;
/** Fault × place: what must be said of each instance, and whether it is damage or doubt. */
const table: { name: string; sealed: boolean; flip: number; says: string; proof: 'damaged' | 'ambiguous' }[] = [
  {
    name: 'the payload of the last record',
    sealed: false,
    flip: offsetOf(5) + payload,
    says: 'ccccu-',
    proof: 'ambiguous',
  },
  {
    name: 'the header of the last record',
    sealed: false,
    flip: offsetOf(5) + header,
    says: 'cccsuu',
    proof: 'ambiguous',
  },
  {
    name: 'the payload of the last record, sealed',
    sealed: true,
    flip: offsetOf(5) + payload,
    says: 'ccccu-',
    proof: 'damaged',
  },
  {
    name: 'the header of the last record, sealed',
    sealed: true,
    flip: offsetOf(5) + header,
    says: 'cccsu-',
    proof: 'damaged',
  },
  { name: 'the seal', sealed: true, flip: offsetOf(6) + header, says: 'ccccsu', proof: 'ambiguous' },
  { name: 'a payload in the middle', sealed: false, flip: offsetOf(3) + payload, says: 'ccuaa-', proof: 'damaged' },
  { name: 'a header in the middle', sealed: false, flip: offsetOf(3) + header, says: 'csuaa-', proof: 'damaged' },
  {
    name: 'the header of the first record',
    sealed: true,
    flip: offsetOf(1) + header,
    says: 'uaaaa-',
    proof: 'damaged',
  },
  { name: 'the header of the segment', sealed: true, flip: 20, says: 'aaaaa-', proof: 'damaged' },
];

for (const { name, sealed, flip, says, proof } of table) {
  test(`one bit flipped in ${name} is ${proof}, and is said again by the next boot`, async () => {
    const disk = await fiveInstances(sealed);
    disk.flipBit(one, flip * 8 + 3);
    for (const round of [1, 2]) {
      const { boot, log, world } = await bootOn(disk);
      assert.equal(said(boot), says, `boot ${round}`);
      assert.equal(boot.damaged.length > 0, proof === 'damaged');
      if (boot.cannotTellAbove !== undefined) assert.equal(boot.cannotTellAboveProof, proof);
      if (round === 1) assert.equal(boot.cutBytes > 0, proof === 'ambiguous');
      await log.close();
      world.memory.kill();
    }
  });
}

test('a doubt that every voter has settled is not said again; what was in hand stays', async () => {
  const disk = await fiveInstances(false);
  disk.flipBit(one, (offsetOf(5) + header) * 8);
  const first = await bootOn(disk);
  assert.equal(said(first.boot), 'cccsuu');
  await first.log.settleAmbiguous();
  await first.log.append([accepted(5, 'again', 2)]);
  disk.kill();
  const second = await bootOn(disk);
  assert.equal(said(second.boot), 'cccaa-');
  assert.deepEqual((await readAll(second.log)).map(text).slice(3), [text(accepted(4, 16)), 'accepted 5 again']);
});

test('a later record of the instance decides it in spite of the doubt', async () => {
  const disk = await fiveInstances(false);
  disk.flipBit(one, (offsetOf(5) + header) * 8);
  const first = await bootOn(disk);
  await first.log.append([accepted(5, 'again', 2)]);
  first.log.chosenTo(5);
  await first.log.append([accepted(6, 'more', 2)]);
  disk.kill();
  const second = await bootOn(disk);
  assert.equal(said(second.boot, 8), 'cccccauu');
  assert.equal(second.boot.damaged.length, 0);
});

test('flipping any bit of the last records is never missed and never reads as something else', async () => {
  const disk = await fiveInstances(true);
  const values = Array.from({ length: 5 }, (_, index) => text(accepted(index + 1, 16)));
  for (let bit = offsetOf(4) * 8; bit < offsetOf(7) * 8; bit += 5) {
    const copy = disk.clone();
    copy.flipBit(one, bit);
    const { boot, log } = await bootOn(copy);
    const inZeros = bit >= (offsetOf(6) + recordBytes(0)) * 8;
    const isFilling = boot.damaged.length === 0 && boot.cutBytes === 0;
    // The four bytes that fill a header up are the only ones that nothing covers.
    if (isFilling)
      assert.ok([100, 101, 102, 103].includes((Math.floor(bit / 8) - offsetOf(1)) % recordLength), `bit ${bit}`);
    if (inZeros) assert.equal(boot.damaged.length, 0);
    for (const [index, record] of (await readAll(log).catch(() => [])).entries())
      assert.equal(text(record), values[index]);
    for (const it of boot.above) if (it.state === 'accepted') assert.ok(values.includes(text(it.record)));
  }
});

test('a file cut at any byte is reported; what is left is read, and what may be lost cannot be told', async () => {
  const disk = await fiveInstances(false);
  const whole = disk.bytesOf(one);
  for (let length = 0; length < offsetOf(6) + 40; length += 3) {
    const copy = disk.clone();
    copy.overwrite(one, whole.subarray(0, length));
    const { boot, log } = await bootOn(copy);
    const intact = Math.max(0, Math.floor((Math.min(length, offsetOf(6)) - segmentHeaderBytes) / recordLength));
    assert.ok(boot.cutBytes > 0 || boot.damaged.length > 0, `length ${length}`);
    assert.ok(boot.chosenTo <= intact && boot.chosenTo >= intact - 2, `length ${length}: ${said(boot)}`);
    assert.equal(boot.cannotTellAbove === undefined, false);
    const records = boot.above.filter((it) => it.state === 'accepted').length;
    assert.equal(boot.chosenTo + records, intact, `length ${length}: ${said(boot)}`);
    if (length < segmentHeaderBytes) continue;
    // A group of one goes on.
    assert.equal(boot.damaged.length, 0, `length ${length}`);
    await log.settleAmbiguous();
    await log.append([accepted(intact + 1, 'next', 2)]);
    log.chosenTo(intact + 1);
    await log.close();
    assert.equal((await bootOn(copy)).boot.chosenTo, intact + 1);
  }
});

test('damage at or below the checkpoint is reported and ignored', async () => {
  for (const flip of [offsetOf(2) + header, offsetOf(2) + payload]) {
    const disk = await fiveInstances(true);
    disk.flipBit(one, flip * 8);
    const { boot, world } = await bootOn(disk, 3);
    assert.equal(said(boot), 'ccccc-');
    assert.deepEqual(boot.damaged, []);
    assert.ok(world.reports.includes('log-damaged-below-checkpoint'));
  }
});

test('a damaged record is not read, nor an older one in its stead', async () => {
  const world = new LogWorld();
  const { log } = await world.open({ cacheBytes: 0 });
  await log.append([accepted(1, 'not chosen', 1), accepted(2, 'two', 1)]);
  await log.append([accepted(1, 'chosen'.padEnd(16), 2), accepted(3, 'three', 2)]);
  const at = Buffer.from(world.memory.bytesOf(one)).indexOf('chosen   ');
  world.memory.flipBit(one, at * 8);
  await assert.rejects(log.read(1, 1, 100), failsWith('log-damaged'));
  assert.equal(text((await log.read(2, 1, 100))[0]), 'accepted 2 two');
  await log.close();
  const { log: reopened } = await bootOn(world.memory, 3);
  await assert.rejects(reopened.read(1, 1, 100), failsWith('log-damaged'));
});

async function fourSegments(): Promise<MemoryDisk> {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 200, 1000);
  await log.close();
  return world.memory;
}

test('a missing middle segment is damage, unless the checkpoint covers it', async () => {
  const disk = await fourSegments();
  await disk.mount().remove('/log/0000000000000002.segment');
  const { boot } = await bootOn(disk.clone(), 10);
  assert.ok(boot.chosenTo < 65);
  assert.ok(
    boot.damaged.some(({ what, segment }) => what === 'missing segment' && segment.startsWith('0000000000000002')),
  );
  const covered = await bootOn(disk.clone(), 150);
  assert.deepEqual(covered.boot.damaged, []);
  assert.equal(covered.boot.chosenTo, 200);
});

test('segments that are gone from the start are damage only where the checkpoint needs them', async () => {
  const disk = await fourSegments();
  await disk.mount().remove(one);
  const needed = await bootOn(disk.clone(), 10);
  assert.equal(needed.boot.damaged[0]?.instance, 11);
  assert.equal(needed.boot.chosenTo, 10);
  const covered = await bootOn(disk.clone(), 100);
  assert.deepEqual([covered.boot.damaged.length, covered.boot.chosenTo], [0, 200]);
});

test('a valid record in another place of the log, or of another log, is not taken for one (A13)', async () => {
  const disk = await fiveInstances(true);
  const bytes = disk.bytesOf(one);
  const record = bytes.slice(offsetOf(2), offsetOf(3));
  const behind = disk.clone();
  const copied = bytes.slice();
  copied.set(record, offsetOf(6) + recordBytes(0));
  behind.overwrite(one, copied);
  const { boot } = await bootOn(behind);
  assert.equal(said(boot), 'cccccu');
  assert.equal(boot.damaged.length, 0);

  const other = new LogWorld();
  const { log } = await other.open({ identity: 'another/main' });
  await appendChosen(log, 1, 5, 16);
  const misdirected = disk.clone();
  const mixed = bytes.slice();
  mixed.set(other.memory.bytesOf(one).slice(offsetOf(3), offsetOf(4)), offsetOf(3));
  misdirected.overwrite(one, mixed);
  assert.equal(said((await bootOn(misdirected)).boot), 'csuaa-');
});

test('a segment under another number is damage', async () => {
  const disk = await fourSegments();
  await disk.mount().rename('/log/0000000000000003.segment', '/log/0000000000000002.segment');
  const { boot } = await bootOn(disk, 10);
  assert.ok(boot.damaged.length > 0);
  assert.ok(boot.chosenTo < 65);
});

test('bytes behind a cut never come back, although they are intact', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 3, 16);
  await Promise.all([log.append([accepted(4, 16)]), log.append([accepted(5, 16)])]);
  world.memory.kill();
  // The first record of the last write is torn, the second is whole.
  world.memory.flipBit(one, (offsetOf(4) + header) * 8);
  const first = await bootOn(world.memory);
  assert.equal(said(first.boot), 'ccsua-');
  await first.log.settleAmbiguous();
  await first.log.append([accepted(5, 'later', 3)]);
  world.memory.kill();
  const second = await bootOn(world.memory);
  assert.equal(said(second.boot), 'cca-a-');
  const five = second.boot.above.at(-1);
  assert.equal(five?.state === 'accepted' && text(five.record), 'accepted 5 later');
});

test('either promise file may be lost or damaged and is repaired; with both lost nothing may be promised', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.promise(ballot(5));
  await log.append([accepted(1, 'a', 5)]);
  await log.promise(ballot(6));
  await log.close();
  for (const broken of ['/log/promise.a', '/log/promise.b']) {
    for (const how of ['flip', 'remove', 'empty']) {
      const disk = world.memory.clone();
      if (how === 'flip') disk.flipBit(broken, 100);
      else if (how === 'remove') await disk.mount().remove(broken);
      else disk.overwrite(broken, new Uint8Array(0));
      const { boot, world: booted } = await bootOn(disk);
      assert.deepEqual([boot.promised, boot.promiseLost], [ballot(6), false]);
      assert.ok(booted.reports.includes('log-promise-repaired'));
      assert.equal((await bootOn(disk)).world.reports.includes('log-promise-repaired'), false);
    }
  }
  world.memory.flipBit('/log/promise.a', 100);
  await world.memory.mount().remove('/log/promise.b');
  for (const _ of ['first boot', 'second boot']) {
    const { boot, log: lost } = await bootOn(world.memory);
    assert.deepEqual([boot.promised, boot.promiseLost], [ballot(5), true]);
    await assert.rejects(lost.promise(ballot(9)), failsWith('log-damaged'));
    await assert.rejects(lost.append([accepted(2, 'b', 5)]), failsWith('log-damaged'));
    await lost.append([{ ...accepted(2, 'b', 5), kind: 'chosen' }]);
    await lost.close();
  }
});

test('promise files that are older than what was accepted do not take the promise back (A3)', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.promise(ballot(2));
  const old = [world.memory.bytesOf('/log/promise.a'), world.memory.bytesOf('/log/promise.b')];
  await log.append([accepted(1, 'a', 8)]);
  await log.close();
  for (const [index, bytes] of old.entries()) world.memory.overwrite(`/log/promise.${'ab'[index]}`, bytes);
  assert.deepEqual((await bootOn(world.memory)).boot.promised, ballot(8));
});

test('a log that starts again and again without a word does not grow: damaged or not, it goes on in the segment it began', async () => {
  for (const damage of [true, false]) {
    const disk = await fiveInstances(true);
    if (damage) disk.flipBit(one, (offsetOf(3) + payload) * 8);
    const first = await bootOn(disk);
    const before = first.world.segments();
    disk.kill();
    for (let boot = 0; boot < 3; boot += 1) {
      const again = await bootOn(disk);
      assert.deepEqual(again.world.segments(), before);
      assert.deepEqual(again.boot, first.boot);
      if (boot === 1) disk.powerCut(faultRandom(boot));
      else if (boot === 2) await again.log.close();
      else disk.kill();
    }
    if (damage) continue;
    const { log } = await bootOn(disk);
    await log.append([accepted(6)]);
    log.chosenTo(6);
    disk.kill();
    const last = await bootOn(disk);
    assert.deepEqual((await readAll(last.log)).map(text).slice(-1), [text(accepted(6))]);
    assert.equal(last.world.segments().length, before.length + 1, 'what was appended to is not appended to again');
  }
});

test('a start that moved a tail to a new segment leaves no other one at the next, whether the tail is chosen or not', async () => {
  for (const known of [0, 1]) {
    const world = new LogWorld();
    const { log } = await world.open();
    await appendChosen(log, 1, 3, 16);
    log.chosenTo(3 + known);
    world.memory.plan = ({ method, path, bytes }) =>
      method === 'write' && path.includes('.segment') && bytes > 300 ? { takes: bytes - 8 } : undefined;
    await assert.rejects(log.append([accepted(4, 16), accepted(5, 16), accepted(6, 16)]));
    world.memory.kill();
    world.memory.plan = () => undefined;
    const first = await bootOn(world.memory);
    assert.equal(first.boot.chosenTo, 3 + known);
    assert.equal(first.world.segments().length, 2);
    for (let boot = 0; boot < 2; boot += 1) {
      world.memory.kill();
      const again = await bootOn(world.memory);
      assert.equal(again.world.segments().length, 2);
      assert.equal(said(again.boot, 5), said(first.boot, 5));
      for (const instance of [3, 4, 5]) {
        assert.equal(text((await again.log.read(instance, 1, 1_000))[0]), text(accepted(instance, 16)));
      }
    }
  }
});

test('a segment that was begun before log was dropped, or before more was proved, is not gone on in', async () => {
  const disk = await fiveInstances(true);
  await bootOn(disk);
  disk.kill();
  const { world, boot } = await bootOn(disk, 9);
  assert.equal(boot.firstInstance, 10);
  assert.equal(world.segments().length, 3, 'the hole that an install left is remembered by a segment of its own');
});
