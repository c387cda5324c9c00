import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { TransientMap } from '../../src/base/transient-map.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.nat(40), value: fc.nat() }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.nat(40) }),
  fc.record({ kind: fc.constant('clear' as const) }),
);

test('it answers as a Map does, in the same order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const map = new Map<number, number>();
      const transient = new TransientMap<number, number>();
      for (const each of steps) {
        if (each.kind === 'set') {
          map.set(each.key, each.value);
          transient.set(each.key, each.value);
        } else if (each.kind === 'delete') {
          assert.equal(transient.delete(each.key), map.delete(each.key));
        } else {
          map.clear();
          transient.clear();
        }
        assert.equal(transient.size, map.size);
      }
      assert.deepEqual([...transient], [...map]);
      assert.deepEqual([...transient.keys()], [...map.keys()]);
      assert.deepEqual([...transient.values()], [...map.values()]);
      for (let key = 0; key <= 40; key++) assert.equal(transient.get(key), map.get(key));
    }),
    { numRuns: 50 },
  );
});

test('deleting while it is walked through passes over nothing', () => {
  const map = new TransientMap<number, number>();
  for (let key = 0; key < 1_000; key++) map.set(key, key);
  const seen: number[] = [];
  for (const [key] of map) {
    seen.push(key);
    map.delete(key);
  }
  assert.equal(seen.length, 1_000);
  assert.equal(map.size, 0);
});

test('what came and went is garbage of short life, although the map is old', () => {
  const module = new URL('../../src/base/transient-map.ts', import.meta.url).href;
  const script = `
    const { TransientMap } = await import(${JSON.stringify(module)});
    const map = new TransientMap();
    map.set(0, {});
    map.delete(0);
    // A table in use becomes old.
    for (let round = 0; round < 1e6; round++) globalThis.garbage = [round, { round }];
    let highest = 0;
    for (let key = 0; key < 5e5; key++) {
      map.set(key, new Array(16).fill(key));
      map.delete(key);
      if (key % 10_000 === 0) highest = Math.max(highest, process.memoryUsage().heapUsed);
    }
    console.log(highest);`;
  const output = execFileSync(process.execPath, ['--max-semi-space-size=1', '--input-type=module', '-e', script]);
  assert.ok(Number(output) < 20_000_000, `${output} bytes`);
});
