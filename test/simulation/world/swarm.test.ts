import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { Coverage } from '../../../src/simulation/world/coverage.ts';
import { drawDials, presentFaults, printDials, quietDials, withFaults } from '../../../src/simulation/world/dials.ts';
import { FaultAtlas } from '../../../src/simulation/world/fault-atlas.ts';
import { faultKindNames, faultKinds } from '../../../src/simulation/world/fault-kinds.ts';
import { handsOf, testRoom, text } from './test-room.ts';

const drawn = Array.from({ length: 1_000 }, (_, seed) => drawDials(new SeededRandom(seed)));

test('half of the seeds have few kinds of faults, at high rates', () => {
  const few = drawn.filter((dials) => presentFaults(dials).length <= 5);
  assert.ok(few.length > 450 && few.length < 650, `${few.length}`);
});

test('every kind exists in some seeds and not in others, within its bounds', () => {
  for (const kind of faultKindNames) {
    const rates = drawn.map(({ faults }) => faults[kind]).filter((rate) => rate > 0);
    assert.ok(rates.length > 100 && rates.length < 500, `${kind} in ${rates.length}`);
    const { least, most } = faultKinds[kind];
    for (const rate of rates) assert.ok(rate >= least && rate <= most, `${kind} ${rate}`);
  }
});

test('dials are drawn from the seed, and print in one line with the faults that exist', () => {
  assert.deepEqual(drawDials(new SeededRandom(5)), drawn[5]);
  const line = printDials(withFaults(quietDials, { 'frame-drop': 0.12345, pause: 3 }));
  assert.match(line, /sync-ms=0.3 .* frame-drop=0.123 pause=3$/);
  assert.doesNotMatch(line, /\n|kill/);
  assert.match(printDials(quietDials), /no faults$/);
});

test('a kind that is switched off moves no draw of another', async () => {
  const lost = async (duplicates: number) => {
    const room = await testRoom({ faults: { 'frame-drop': 0.3, 'frame-duplicate': duplicates } });
    const heard: number[] = [];
    for (let count = 0; count < 100; count += 1) {
      if (room.fate.strikes('frame-duplicate', 'aalto', 'koski')) heard.push(-1);
      if (room.fate.strikes('frame-drop', 'aalto', 'koski')) heard.push(count);
    }
    return heard.filter((place) => place >= 0);
  };
  assert.deepEqual(await lost(0.5), await lost(0));
});

test('counts add up over runs, and what was expected and never reached is named', () => {
  const [one, other] = [new Coverage(), new Coverage()];
  one.expect(['a', 'b', 'c']);
  one.reached('a');
  other.reached('a', 2);
  other.reached('b');
  one.merge(other);
  one.merge({ d: 1 });
  assert.deepEqual(one.counts(), { a: 3, b: 1, c: 0, d: 1 });
  assert.deepEqual(one.zeros(), ['c']);
});

test('at most a minority of the voters is ever damaged, except where the safe stop is tested', () => {
  const five = ['a', 'b', 'c', 'd', 'e'];
  const atlas = new FaultAtlas('good-copy', five);
  assert.deepEqual(
    [...five, ...five].map((name) => atlas.claim(name)),
    [true, true, false, false, false, true, true, false, false, false],
  );
  assert.deepEqual(atlas.damaged(), ['a', 'b']);
  for (const voters of [['a'], ['a', 'b']]) assert.equal(new FaultAtlas('good-copy', voters).claim('a'), false);
  const all = new FaultAtlas('safe-stop', ['a']);
  assert.equal(all.claim('a'), true);
});

test('a group that shrinks bears less damage, and what was damaged stays counted', () => {
  const atlas = new FaultAtlas('good-copy', ['a', 'b', 'c', 'd', 'e']);
  assert.equal(atlas.claim('a'), true);
  atlas.setVoters(['a', 'b', 'c']);
  assert.equal(atlas.claim('b'), false);
  assert.equal(atlas.claim('a'), true);
});

test('the atlas keeps a second disk from being damaged, and lets everything else strike it', async () => {
  const room = await testRoom({ machines: ['aalto', 'koski', 'lakka'], faults: { 'lost-write': 1, 'short-write': 1 } });
  for (const name of ['aalto', 'koski', 'lakka']) {
    const file = await room.settled(handsOf(room, name).disk.open('/file', 'create'));
    await room.settled(file.write(0, text('some bytes')));
    await room.settled(file.sync());
  }
  assert.deepEqual(room.atlas.damaged(), ['aalto']);
  assert.equal(room.coverage.count('lost-write'), 1);
  assert.equal(room.coverage.count('short-write'), 3);
});

test('every kind of fault has a row in the README, with what it does', () => {
  const page = readFileSync(new URL('../../../src/simulation/world/README.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const expected = faultKindNames.map((kind) => {
    const { unit, says } = faultKinds[kind];
    return `| \`${kind}\` | ${unit === 'chance' ? 'a chance' : 'a minute'} | ${says} |`;
  });
  assert.deepEqual(rows, expected);
});
