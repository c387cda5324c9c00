import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DocumentProposal } from '../../../src/documents/machine/types.ts';
import { type OperationGiven, put, World, write } from './given.ts';

/** One instance for each list of documents. */
function given(...instances: readonly (readonly string[])[]): World {
  const world = new World();
  for (const ids of instances) world.apply(1_000, ...ids.map((id): DocumentProposal => write(put(id))));
  world.tail.checkInvariants();
  return world;
}

test('an empty tail has no first position and no bytes', () => {
  const { tail } = new World();
  assert.deepEqual([tail.firstPosition, tail.bytes, tail.line(1), tail.line(0)], [0, 0, undefined, undefined]);
  assert.deepEqual([tail.lines(0, 10), tail.positionsOf('ports', 'a'), tail.row('ports', 'a')], [[], [], undefined]);
  tail.prune(5);
  tail.checkInvariants();
});

test('lines are found by position, and in order after one', () => {
  const { tail, lines } = given(['a', 'b'], ['a'], ['c']);
  assert.equal(tail.firstPosition, 1);
  for (let position = 0; position <= 5; position++) assert.equal(tail.line(position), lines[position - 1]);
  const positions = (after: number, countMax: number) => tail.lines(after, countMax).map(({ position }) => position);
  assert.deepEqual(positions(0, 10), [1, 2, 3, 4]);
  assert.deepEqual(positions(1, 2), [2, 3]);
  assert.deepEqual([positions(4, 10), positions(9, 10), positions(0, 0)], [[], [], []]);
  assert.deepEqual(tail.lines(2, 1)[0]?.line, lines[2]);
});

test('a prune drops exactly what came from the instances below; rows changed again later stay', () => {
  const { tail, lines } = given(['a', 'b'], ['a', 'c'], ['c']);
  tail.prune(1);
  tail.checkInvariants();
  assert.equal(tail.firstPosition, 3);
  assert.deepEqual([tail.line(2), tail.line(3)], [undefined, lines[2]]);
  assert.equal(tail.row('ports', 'b'), undefined);
  assert.equal(tail.row('ports', 'a')?.position, 3);
  assert.deepEqual(tail.positionsOf('ports', 'a'), [3]);
  assert.deepEqual(tail.positionsOf('ports', 'c'), [4, 5]);
  assert.deepEqual(
    tail.lines(0, 1).map(({ position }) => position),
    [3],
    'what is asked for below begins at the first',
  );
  tail.prune(2);
  tail.checkInvariants();
  assert.deepEqual([tail.row('ports', 'a'), tail.row('ports', 'c')?.position], [undefined, 5]);
  tail.prune(3);
  tail.checkInvariants();
  assert.deepEqual([tail.firstPosition, tail.bytes, tail.row('ports', 'c')], [0, 0, undefined]);
});

test('pruning again, or below, drops nothing', () => {
  const { tail } = given(['a'], ['b']);
  tail.prune(0);
  tail.prune(1);
  tail.prune(1);
  tail.checkInvariants();
  assert.deepEqual(
    tail.lines(0, 9).map(({ position }) => position),
    [2],
  );
});

test('after it was emptied, a tail goes on at the next position', () => {
  const world = given(['a', 'b']);
  world.tail.prune(1);
  world.write(put('c'));
  world.tail.checkInvariants();
  assert.equal(world.tail.firstPosition, 3);
  assert.equal(world.tail.line(3), world.lines[2]);
});

test('a remembered outcome leaves with its instance, but not where a newer one took its place', () => {
  const world = new World();
  const day = 86_400_000;
  world.apply(1_000, write(put('a'), { key: 'k' }), write(put('a'), { key: 'l' }));
  world.apply(1_000 + day, write(put('a'), { key: 'k' }));
  const { tail } = world;
  tail.prune(1);
  tail.checkInvariants();
  assert.equal(tail.dedupe('anonymous', 'l', 0), undefined);
  assert.equal(tail.dedupe('anonymous', 'k', 0)?.instance, 2);
  tail.prune(2);
  assert.equal(tail.dedupe('anonymous', 'k', 0), undefined);
  assert.equal(tail.bytes, 0);
});

test('a rejection that is remembered is kept though it made no event', () => {
  const world = new World();
  const missing: OperationGiven = { kind: 'delete', id: 'a' };
  world.write(missing, { key: 'k' });
  assert.equal(world.tail.dedupe('anonymous', 'k', 0)?.outcome, 'rejected');
  assert(world.tail.bytes > 0);
  world.tail.prune(1);
  world.tail.checkInvariants();
  assert.equal(world.tail.dedupe('anonymous', 'k', 0), undefined);
});

test('the same name in two collections is two documents', () => {
  const world = given(['a']);
  world.write({ ...put('a'), collection: 'boats' });
  assert.deepEqual(world.tail.positionsOf('ports', 'a'), [1]);
  assert.deepEqual(world.tail.positionsOf('boats', 'a'), [2]);
});

test('bytes follow the length of texts; beyond Latin 1 a character takes two', () => {
  const texts = (text: string) => {
    const world = new World();
    world.write(put('a', { text }));
    const [line = ''] = world.lines;
    return { bytes: world.tail.bytes, length: line.length };
  };
  const [latin, other] = [texts('é'.repeat(1_000)), texts('я'.repeat(1_000))];
  assert.equal(latin.length, other.length);
  assert.equal(other.bytes - latin.bytes, other.length);
});

test('instances come in order', () => {
  const world = new World();
  const effects = world.apply(1_000, write(put('a')));
  assert.throws(() => world.tail.push(effects), /in order/);
});
