import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addToField, type DocumentWrite, neverWritten } from '../../../src/simulation/checker/document-model.ts';
import { applyTo, checkLinearizable, type RegisterOperation } from '../../../src/simulation/checker/linearizability.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { isLinearizableByBruteForce } from './brute-force.ts';
import { at, put, remove } from './hand-made.ts';

const stepsMax = 100_000;
type Action = RegisterOperation['action'];

function operation(called: number, returned: number, action: Action, text = ''): RegisterOperation {
  return { called, returned, action, print: () => text };
}

function writes(write: DocumentWrite, revision?: number): Action {
  return { kind: 'write', write, revision };
}

function rejects(write: DocumentWrite, code?: string): Action {
  return { kind: 'rejected', write, code };
}

function reads(revision: number, value?: string): Action {
  return { kind: 'read', state: at(revision, value) };
}

/** Everything that can be said about one document with two values and three revisions. */
const actions: readonly Action[] = [
  writes(put('a', 'x')),
  writes(put('a', 'y')),
  writes(put('a', 'x'), 2),
  writes(put('a', 'y', 0), 1),
  writes(put('a', 'y', 1)),
  writes(remove('a')),
  writes(remove('a', 1)),
  rejects(put('a', 'x', 0), 'already-exists'),
  rejects(put('a', 'x', 1), 'revision-conflict'),
  rejects(remove('a')),
  reads(0),
  reads(1, 'x'),
  reads(1, 'y'),
  reads(2, 'x'),
  reads(2, 'y'),
  reads(2),
];

/** Every way in which three calls and returns can lie, by rank: a call before its own return. */
function shapesOfThree(): readonly (readonly [number, number])[][] {
  const pairs = Array.from({ length: 6 }, (_, called) => called).flatMap((called) => {
    return Array.from({ length: 6 }, (_, returned) => [called, returned] as const).filter(([call, end]) => call < end);
  });
  return pairs.flatMap((first) =>
    pairs.flatMap((second) => {
      return pairs.map((third) => [first, second, third]).filter((shape) => new Set(shape.flat()).size === 6);
    }),
  );
}

test('every history of three operations on one document is judged as by trying all orders', () => {
  const shapes = shapesOfThree();
  let good = 0;
  let count = 0;
  for (const [index, shape] of shapes.entries()) {
    for (const first of actions) {
      for (const second of actions) {
        // Every action as the third one, over all shapes together.
        const third = actions[(index + count) % actions.length] ?? reads(0);
        const history = [first, second, third].map((action, place) => {
          const [called, returned] = shape[place] ?? [0, 0];
          return operation(called, returned, action);
        });
        const expected = isLinearizableByBruteForce(history);
        assert.equal(checkLinearizable(history, stepsMax).kind, expected ? 'linearizable' : 'not-linearizable');
        if (expected) good += 1;
        count += 1;
      }
    }
  }
  assert.equal(count, 90 * 256);
  assert.ok(good > 500 && good < count / 2, `${good} of ${count} are linearizable`);
});

function anyHistory(random: SeededRandom): RegisterOperation[] {
  return Array.from({ length: random.between(1, 6) }, () => {
    const called = random.integer(12);
    const returned = random.chance(0.1) ? Number.POSITIVE_INFINITY : called + 1 + random.integer(10);
    return operation(called, returned, random.pick(actions));
  });
}

/** Six that happened one after another, of which every other time one is called something else. */
function almostTrue(random: SeededRandom): RegisterOperation[] {
  let state = neverWritten;
  const history = Array.from({ length: 6 }, (_, moment) => {
    const called = moment - random.integer(4);
    const possible = actions.filter((action) => applyTo(state, operation(0, 0, action)) !== undefined);
    const happened = operation(called, moment + 0.5 + random.integer(4), random.pick(possible));
    state = applyTo(state, happened) ?? state;
    return happened;
  });
  const place = random.integer(12);
  const { called, returned } = history[place] ?? { called: 0, returned: 1 };
  return place < 6 ? history.with(place, operation(called, returned, random.pick(actions))) : history;
}

test('random histories of up to six operations are judged as by trying all orders', () => {
  const random = new SeededRandom('small histories');
  const seen = { linearizable: 0, 'not-linearizable': 0, undecided: 0 };
  for (let round = 0; round < 20_000; round += 1) {
    const history = round % 2 === 0 ? anyHistory(random) : almostTrue(random);
    const answer = checkLinearizable(history, stepsMax).kind;
    assert.equal(answer === 'linearizable', isLinearizableByBruteForce(history), `round ${round}`);
    seen[answer] += 1;
  }
  assert.ok(
    seen.linearizable > 5_000 && seen['not-linearizable'] > 5_000 && seen.undecided === 0,
    JSON.stringify(seen),
  );
});

test('overlapping operations are taken in any order that explains them', () => {
  const history = [
    operation(1, 10, writes(put('a', 'x'))),
    operation(2, 9, writes(put('a', 'y'))),
    operation(3, 8, reads(1, 'y')),
    operation(4, 11, reads(2, 'x')),
  ];
  assert.equal(checkLinearizable(history, stepsMax).kind, 'linearizable');
});

test('patches that do not commute betray a lost one', () => {
  const add = (amount: number) => writes({ key: 'a', change: addToField('n', amount) });
  const history = [
    operation(1, 2, writes(put('a', '{"n":1}'))),
    operation(3, 6, add(2)),
    operation(4, 5, add(4)),
    operation(7, 8, reads(3, '{"n":7}')),
  ];
  assert.equal(checkLinearizable(history, stepsMax).kind, 'linearizable');
  const lost = [...history.slice(0, 3), operation(7, 8, reads(3, '{"n":5}'))];
  assert.equal(checkLinearizable(lost, stepsMax).kind, 'not-linearizable');
});

test('an operation that never returned may take its place at any later time', () => {
  const open = operation(1, Number.POSITIVE_INFINITY, writes(put('a', 'x')));
  assert.equal(
    checkLinearizable([open, operation(2, 3, reads(0)), operation(4, 5, reads(1, 'x'))], stepsMax).kind,
    'linearizable',
  );
  assert.equal(
    checkLinearizable([open, operation(2, 3, reads(1, 'x')), operation(4, 5, reads(0))], stepsMax).kind,
    'not-linearizable',
  );
});

test('what is wrong is told by the shortest prefix that is wrong, and not by what came after', () => {
  const history = [
    operation(1, 2, writes(put('a', 'x')), 'anna puts x'),
    operation(3, 4, writes(put('a', 'y')), 'ben puts y'),
    operation(5, 8, writes(put('a', 'z')), 'cleo puts z'),
    operation(6, 7, reads(1, 'x'), 'dora reads x'),
    operation(9, 10, reads(9, 'w'), 'emil reads w'),
  ];
  const answer = checkLinearizable(history, stepsMax);
  assert.ok(answer.kind === 'not-linearizable');
  assert.deepEqual(answer.explanation.split('\n'), [
    'no order explains the first 7 calls and returns. 2 operations fit, the last of them:',
    '  anna puts x',
    '  ben puts y',
    'then the document is: revision 2 y. What has returned by then and fits nowhere:',
    '  dora reads x',
    'open beside it:',
    '  cleo puts z',
  ]);
});

test('at the cap the search says that it has not decided, always at the same step', () => {
  const many = Array.from({ length: 14 }, (_, index) => operation(index, 100, writes(put('a', `${index}`))));
  const history = [...many, operation(101, 102, reads(14, 'nobody'))];
  const answer = checkLinearizable(history, 5_000);
  assert.ok(answer.kind === 'undecided' && answer.steps > 5_000 && answer.steps < 5_100);
  assert.deepEqual(checkLinearizable(history, 5_000), answer);
});
