import { addToField } from '../../../src/simulation/checker/document-model.ts';
import type { Rule } from '../../../src/simulation/checker/violation.ts';
import {
  a1,
  a2,
  at,
  busy,
  check,
  done,
  event,
  event1,
  event2,
  type HandMade,
  keyed,
  keyedEvent1,
  local,
  put,
  read,
  refused,
  rejected,
  remove,
  unknown,
  write,
} from './hand-made.ts';

export interface BadHistory extends HandMade {
  /** What is wrong, in a few words. */
  readonly name: string;
  readonly rule: Rule;
}

const pair = { kind: 'written', instance: 1, firstPosition: 1, lastPosition: 2, revisions: [1, 1] } as const;
const transfer = write('p1', [1, 2], [put('a', '1'), put('b', '1')], pair);
const pairEvents = [event(1, 'p1', 'a', 1, '1'), event(2, 'p1', 'b', 1, '1', { instance: 1, time: 1 })];

export const badHistories: readonly BadHistory[] = [
  // The history by itself.
  {
    name: 'a position is left out',
    rule: 'position-gap',
    operations: [a1, a2],
    events: [event1, { ...event2, position: 3 }],
  },
  {
    name: 'a position is used twice',
    rule: 'position-gap',
    operations: [a1, a2],
    events: [event1, { ...event2, position: 1 }],
  },
  {
    name: 'a later position is of an earlier instance',
    rule: 'instance-order',
    operations: [a1, a2],
    events: [
      { ...event1, instance: 5 },
      { ...event2, instance: 4 },
    ],
  },
  { name: 'time goes back', rule: 'time-goes-back', operations: [a1, a2], events: [{ ...event1, time: 9 }, event2] },
  {
    name: 'one instance has two times',
    rule: 'time-goes-back',
    operations: [a1, a2],
    events: [event1, { ...event2, instance: 1 }],
  },
  {
    name: 'a revision is left out',
    rule: 'revision-gap',
    operations: [a1, a2],
    events: [event1, { ...event2, revision: 3 }],
  },
  {
    name: 'revisions begin again after a deletion',
    rule: 'revision-gap',
    operations: [a1, write('p2', [3, 4], [remove('a')], done(2, 2)), write('p3', [5, 6], [put('a', '3')], done(3, 1))],
    events: [event1, event(2, 'p2', 'a', 2, undefined), event(3, 'p3', 'a', 1, '3')],
  },
  {
    name: 'a proposal that was chosen in two instances has two effects',
    rule: 'effect-twice',
    operations: [a1],
    events: [event1, event(2, 'p1', 'a', 2, '1')],
  },
  {
    name: 'a proposal has its effect twice in one instance',
    rule: 'effect-twice',
    operations: [a1],
    events: [event1, event(2, 'p1', 'a', 2, '1', { instance: 1, time: 1 })],
  },
  {
    name: 'a transaction is interrupted by another proposal',
    rule: 'effect-twice',
    operations: [],
    events: [
      pairEvents[0] ?? event1,
      event(2, 'p2', 'c', 1, '1', { instance: 1, time: 1 }),
      event(3, 'p1', 'b', 1, '1'),
    ],
  },
  {
    name: 'a retry with the same key has an effect of its own',
    rule: 'key-effect-twice',
    operations: [
      write('p1', [1, undefined], [put('a', '1')], unknown, keyed),
      write('p2', [3, 4], [put('a', '1')], done(2, 2), keyed),
    ],
    events: [keyedEvent1, event(2, 'p2', 'a', 2, '1', { idempotencyKey: 'k' })],
  },
  // The history against what was asked.
  { name: 'an event that nobody asked for', rule: 'invented-event', operations: [a1], events: [event1, event2] },
  {
    name: 'a create where the document existed',
    rule: 'effect-not-as-asked',
    operations: [a1, write('p2', [3, 4], [put('a', '2', 0)], done(2, 2))],
    events: [event1, event2],
  },
  {
    name: 'a conditional write on another revision',
    rule: 'effect-not-as-asked',
    operations: [a1, a2, write('p3', [5, 6], [put('a', '3', 1)], done(3, 3))],
    events: [event1, event2, event(3, 'p3', 'a', 3, '3')],
  },
  {
    name: 'an event with another content than was sent',
    rule: 'effect-not-as-asked',
    operations: [a1],
    events: [{ ...event1, value: '7' }],
  },
  {
    name: 'an event on another document than was named',
    rule: 'effect-not-as-asked',
    operations: [a1],
    events: [{ ...event1, key: 'b' }],
  },
  {
    name: 'a patch that was applied to an older revision',
    rule: 'effect-not-as-asked',
    operations: [
      write('p1', [1, 2], [put('a', '{"n":1}')], done(1, 1)),
      write('p2', [3, 4], [{ key: 'a', change: addToField('n', 2) }], done(2, 2)),
      write('p3', [5, 6], [{ key: 'a', change: addToField('n', 4) }], done(3, 3)),
    ],
    events: [event(1, 'p1', 'a', 1, '{"n":1}'), event(2, 'p2', 'a', 2, '{"n":3}'), event(3, 'p3', 'a', 3, '{"n":5}')],
  },
  {
    name: 'a put that left a deletion',
    rule: 'effect-not-as-asked',
    operations: [a1],
    events: [event(1, 'p1', 'a', 1, undefined)],
  },
  {
    name: 'half a transaction',
    rule: 'effect-not-as-asked',
    operations: [transfer],
    events: pairEvents.slice(0, 1),
  },
  {
    name: 'a transaction with an event too many',
    rule: 'effect-not-as-asked',
    operations: [transfer],
    events: [...pairEvents, event(3, 'p1', 'c', 1, '1', { instance: 1, time: 1 })],
  },
  {
    name: 'a transaction whose check did not hold',
    rule: 'effect-not-as-asked',
    operations: [a1, write('p2', [3, 4], [check('a', 9), put('b', '2')], { ...done(2, 1), revisions: [1, 1] })],
    events: [event1, event(2, 'p2', 'b', 1, '2')],
  },
  // Each answer.
  {
    name: 'an acknowledged write is missing at the end',
    rule: 'acknowledged-missing',
    operations: [a1, a2],
    events: [event1],
  },
  {
    name: 'another write is where an acknowledged one was',
    rule: 'acknowledged-missing',
    operations: [a1, write('p2', [1, undefined], [put('a', '2')], unknown)],
    events: [event(1, 'p2', 'a', 1, '2')],
  },
  {
    name: 'two writes are told the same position',
    rule: 'position-of-another',
    operations: [a1, write('p2', [1, 3], [put('a', '2')], done(1, 1))],
    events: [event1, event2],
  },
  {
    name: 'a write is told the position of a write with another key',
    rule: 'acknowledged-missing',
    operations: [
      write('p1', [1, 2], [put('a', '1')], done(1, 1), keyed),
      write('p2', [1, 3], [put('a', '1')], done(1, 1), { idempotency: { key: 'other', request: 'put a 1' } }),
    ],
    events: [keyedEvent1],
  },
  {
    name: 'a write is told another instance',
    rule: 'answer-not-as-chosen',
    operations: [write('p1', [1, 2], [put('a', '1')], done(1, 1, 2))],
    events: [event1],
  },
  {
    name: 'a write is told another revision',
    rule: 'answer-not-as-chosen',
    operations: [write('p1', [1, 2], [put('a', '1')], done(1, 2))],
    events: [event1],
  },
  {
    name: 'a transaction is told another last position',
    rule: 'answer-not-as-chosen',
    operations: [{ ...transfer, outcome: { ...pair, lastPosition: 3 } }],
    events: pairEvents,
  },
  {
    name: 'a check is told another revision',
    rule: 'answer-not-as-chosen',
    operations: [a1, write('p2', [3, 4], [check('a', 1), put('b', '2')], { ...done(2, 1), revisions: [2, 1] })],
    events: [event1, event(2, 'p2', 'b', 1, '2')],
  },
  {
    name: 'a refused write was done',
    rule: 'refused-but-done',
    operations: [write('p1', [1, 2], [put('a', '1')], refused)],
    events: [event1],
  },
  {
    name: 'a rejected write was done',
    rule: 'rejected-but-done',
    operations: [write('p1', [1, 2], [put('a', '1', 0)], rejected('already-exists', 0))],
    events: [event1],
  },
  {
    name: 'a create is rejected where nothing was',
    rule: 'rejection-not-as-replayed',
    operations: [write('p1', [1, 2], [put('a', '1', 0)], rejected('already-exists', 0))],
    events: [],
  },
  {
    name: 'a deletion of what is deleted is told that it never was',
    rule: 'rejection-not-as-replayed',
    operations: [
      a1,
      write('p2', [3, 4], [remove('a')], done(2, 2)),
      write('p3', [5, 6], [remove('a')], rejected('not-found', 2)),
    ],
    events: [event1, event(2, 'p2', 'a', 2, undefined)],
  },
  {
    name: 'a transaction is rejected for the wrong document',
    rule: 'rejection-not-as-replayed',
    operations: [a1, write('p2', [3, 4], [put('a', '2', 0), put('b', '2')], rejected('precondition-failed', 1, 1))],
    events: [event1],
  },
  {
    name: 'a read is told a content that never was',
    rule: 'read-not-as-replayed',
    operations: [a1, read([3, 4], 'a', 1, at(1, '9'))],
    events: [event1],
  },
  {
    name: 'a read misses a write at its position',
    rule: 'read-not-as-replayed',
    operations: [a1, read([3, 4], 'a', 1, at(0))],
    events: [event1],
  },
  {
    name: 'a read of a deleted document still has its content',
    rule: 'read-not-as-replayed',
    operations: [a1, write('p2', [3, 4], [remove('a')], done(2, 2)), read([5, 6], 'a', 2, at(1, '1'))],
    events: [event1, event(2, 'p2', 'a', 2, undefined)],
  },
  {
    name: 'a dirty read of what was never chosen',
    rule: 'read-beyond-history',
    operations: [a1, read([3, 4], 'a', 2, at(2, '2'))],
    events: [event1],
  },
  {
    name: 'a read inside a transaction',
    rule: 'read-inside-instance',
    operations: [transfer, read([3, 4], 'a', 1, at(1, '1'))],
    events: pairEvents,
  },
  {
    name: 'a read that says an instance of which it saw a part',
    rule: 'read-inside-instance',
    operations: [
      a1,
      write('p2', [1, 4], [put('b', '2')], done(2, 1, 1)),
      read([1, 6], 'a', 1, at(1, '1'), { instance: 1 }),
    ],
    events: [event1, event(2, 'p2', 'b', 1, '2', { instance: 1, time: 1 })],
  },
  {
    name: 'a read that saw more than its instance',
    rule: 'read-inside-instance',
    operations: [a1, a2, read([5, 6], 'a', 2, at(2, '2'), { instance: 1 })],
    events: [event1, event2],
  },
  // Answers against each other.
  {
    name: 'a stale read',
    rule: 'against-real-time',
    operations: [a1, a2, read([5, 6], 'a', 1, at(1, '1'))],
    events: [event1, event2],
  },
  {
    name: 'a stale read of another document than was written',
    rule: 'against-real-time',
    operations: [a1, write('p2', [3, 4], [put('b', '2')], done(2, 1)), read([5, 6], 'a', 1, at(1, '1'))],
    events: [event1, event(2, 'p2', 'b', 1, '2')],
  },
  {
    name: 'a write is ordered before one that had returned',
    rule: 'against-real-time',
    operations: [write('p1', [3, 4], [put('a', '1')], done(1, 1)), write('p2', [1, 2], [put('a', '2')], done(2, 2))],
    events: [event1, event2],
  },
  {
    name: 'a write is seen before it was asked for',
    rule: 'against-real-time',
    operations: [read([1, 2], 'a', 1, at(1, '1')), write('p1', [3, 4], [put('a', '1')], done(1, 1))],
    events: [event1],
  },
  {
    name: 'a write of unknown fate is seen before it was asked for',
    rule: 'against-real-time',
    operations: [read([1, 2], 'a', 1, at(1, '1'), local), write('p1', [3, undefined], [put('a', '1')], unknown)],
    events: [event1],
  },
  {
    name: 'a read goes back behind what a local read has shown',
    rule: 'against-real-time',
    operations: [
      a1,
      write('p2', [3, undefined], [put('a', '2')], unknown),
      read([4, 5], 'a', 2, at(2, '2'), local),
      read([6, 7], 'a', 1, at(1, '1')),
    ],
    events: [event1, event2],
  },
  {
    name: 'two reads in a row see a write come and go',
    rule: 'against-real-time',
    operations: [
      a1,
      write('p2', [3, 9], [put('a', '2')], done(2, 2)),
      read([4, 5], 'a', 2, at(2, '2'), { client: 'ben' }),
      read([6, 7], 'a', 1, at(1, '1'), { client: 'cleo' }),
    ],
    events: [event1, event2],
  },
  {
    name: 'a rejection by a state that was over',
    rule: 'against-real-time',
    operations: [
      a1,
      write('p2', [3, 4], [remove('a')], done(2, 2)),
      write('p3', [5, 6], [put('a', '3', 0)], rejected('already-exists', 1)),
    ],
    events: [event1, event(2, 'p2', 'a', 2, undefined)],
  },
  {
    name: 'a local read is older than the position it asked for',
    rule: 'minimum-not-honoured',
    operations: [a1, a2, read([5, 6], 'a', 1, at(1, '1'), { ...local, minPosition: 2 })],
    events: [event1, event2],
  },
  {
    name: 'local reads of one client on one replica go back',
    rule: 'local-read-goes-back',
    operations: [a1, a2, read([5, 6], 'a', 2, at(2, '2'), local), read([7, 8], 'a', 1, at(1, '1'), local)],
    events: [event1, event2],
  },
  {
    name: 'a retry is rejected after its first attempt was done',
    rule: 'retry-with-another-outcome',
    operations: [
      write('p1', [1, undefined], [put('a', '1', 0)], unknown, keyed),
      write('p2', [3, 4], [put('a', '1', 0)], rejected('already-exists', 1), keyed),
    ],
    events: [keyedEvent1],
  },
  {
    name: 'a retry of a rejected write is decided anew',
    rule: 'retry-with-another-outcome',
    operations: [
      write('p0', [1, 2], [remove('a')], rejected('not-found', 0), keyed),
      a1,
      a2,
      write('p3', [5, 6], [remove('a')], done(3, 3), keyed),
    ],
    events: [event1, event2, event(3, 'p3', 'a', 3, undefined, { idempotencyKey: 'k' })],
  },
  {
    name: 'a retry of a rejected write is told a later rejection',
    rule: 'retry-with-another-outcome',
    operations: [
      write('p0', [1, 2], [remove('a')], rejected('not-found', 0), keyed),
      write('p1', [3, 4], [put('b', '1')], done(1, 1)),
      write('p3', [5, 6], [remove('a')], rejected('not-found', 1), keyed),
    ],
    events: [event(1, 'p1', 'b', 1, '1')],
  },
  {
    name: 'another request with a used key is told that it was rejected by the document',
    rule: 'reused-key-not-refused',
    operations: [
      write('p1', [1, 2], [put('a', '1')], done(1, 1), keyed),
      write('p2', [3, 4], [put('a', '2', 0)], rejected('already-exists', 1), {
        idempotency: { key: 'k', request: 'other' },
      }),
    ],
    events: [keyedEvent1],
  },
  {
    name: 'two requests with one key are both decided by the document',
    rule: 'reused-key-not-refused',
    operations: [
      write('p1', [1, 2], [remove('a')], rejected('not-found', 0), keyed),
      write('p2', [3, 4], [remove('b')], rejected('not-found', 0), { idempotency: { key: 'k', request: 'other' } }),
    ],
    events: [],
  },
  {
    name: 'a write with another request is given the outcome of the key',
    rule: 'acknowledged-missing',
    operations: [
      write('p1', [1, 2], [put('a', '1')], done(1, 1), keyed),
      write('p2', [3, 4], [put('a', '2')], done(1, 1), { idempotency: { key: 'k', request: 'other' } }),
    ],
    events: [keyedEvent1],
  },
  {
    name: 'a busy replica did it all the same, with a key, and another attempt was told so',
    rule: 'refused-but-done',
    operations: [
      write('p1', [1, 2], [put('a', '1')], busy, keyed),
      write('p2', [3, 4], [put('a', '1')], done(1, 1), keyed),
    ],
    events: [keyedEvent1],
  },
  {
    name: 'more reads overlap than the cap lets the search try',
    rule: 'undecided',
    operations: [a1, a2, ...Array.from({ length: 9 }, () => read([1, 6], 'a', 2, at(2, '2')))],
    events: [event1, event2],
    stepsMax: 5,
  },
];
