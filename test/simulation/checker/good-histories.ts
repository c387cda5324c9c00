import {
  a1,
  a2,
  at,
  check,
  dayMs,
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
  rejected,
  remove,
  unknown,
  write,
} from './hand-made.ts';

/** What looks odd and is allowed. */
export const goodHistories: readonly (HandMade & { readonly name: string })[] = [
  { name: 'nothing at all', operations: [], events: [] },
  {
    name: 'writes and a read in a row',
    operations: [a1, a2, read([5, 6], 'a', 2, at(2, '2'), { instance: 2 })],
    events: [event1, event2],
  },
  {
    name: 'overlapping writes in the other order than they were called',
    operations: [write('p1', [2, 4], [put('a', '1')], done(1, 1)), write('p2', [1, 3], [put('a', '2')], done(2, 2))],
    events: [event1, event2],
  },
  {
    name: 'a read that overlaps a write and does not see it',
    operations: [a1, write('p2', [3, 6], [put('a', '2')], done(2, 2)), read([4, 5], 'a', 1, at(1, '1'))],
    events: [event1, event2],
  },
  {
    name: 'an unknown write that was done',
    operations: [write('p1', [1, undefined], [put('a', '1')], unknown), read([3, 4], 'a', 1, at(1, '1'))],
    events: [event1],
  },
  {
    name: 'an unknown write that never happened',
    operations: [write('p1', [1, undefined], [put('a', '1')], unknown), read([3, 4], 'a', 0, at(0))],
    events: [],
  },
  {
    name: 'a local read of the past',
    operations: [
      a1,
      a2,
      read([5, 6], 'a', 1, at(1, '1'), local),
      read([7, 8], 'a', 0, at(0), { ...local, replica: 2 }),
    ],
    events: [event1, event2],
  },
  {
    name: 'local reads that go back over a restart',
    operations: [
      a1,
      a2,
      read([5, 6], 'a', 2, at(2, '2'), local),
      read([7, 8], 'a', 1, at(1, '1'), { ...local, boot: 2 }),
    ],
    events: [event1, event2],
  },
  {
    name: 'a document that is deleted and made again, with its revisions carried on',
    operations: [
      a1,
      write('p2', [3, 4], [remove('a', 1)], done(2, 2)),
      write('p3', [5, 6], [put('a', '3', 0)], done(3, 3)),
      write('p4', [7, 8], [put('a', '4', 0)], rejected('already-exists', 3)),
    ],
    events: [event1, event(2, 'p2', 'a', 2, undefined), event(3, 'p3', 'a', 3, '3')],
  },
  {
    name: 'a retry that is told the position of the first attempt, long after',
    operations: [
      write('p1', [1, undefined], [put('a', '1')], unknown, keyed),
      a2,
      write('p3', [5, 6], [put('a', '1')], done(1, 1), keyed),
    ],
    events: [keyedEvent1, event2],
  },
  {
    name: 'a retry that is told the rejection of an attempt that nobody heard of',
    operations: [
      write('p0', [1, undefined], [remove('a')], unknown, keyed),
      write('p1', [3, 4], [put('a', '1')], done(1, 1)),
      write('p3', [5, 6], [remove('a')], rejected('not-found', 0), keyed),
    ],
    events: [event1],
  },
  {
    name: 'another request with a used key that is refused as such',
    operations: [
      write('p1', [1, 2], [put('a', '1')], done(1, 1), keyed),
      write('p2', [3, 4], [put('a', '2')], rejected('idempotency-key-reused', 1), {
        idempotency: { key: 'k', request: 'other' },
      }),
    ],
    events: [keyedEvent1],
  },
  {
    name: 'a key that comes again after the window',
    operations: [
      write('p1', [1, 2], [put('a', '1')], done(1, 1), keyed),
      write('p2', [3, 4], [put('a', '1')], done(2, 2), keyed),
    ],
    events: [keyedEvent1, event(2, 'p2', 'a', 2, '1', { idempotencyKey: 'k', time: 1 + dayMs })],
  },
  {
    name: 'a transaction with a check of a document that it writes',
    operations: [
      a1,
      write('p2', [3, 4], [check('a', 1), put('a', '2'), put('b', '2')], {
        kind: 'written',
        instance: 2,
        firstPosition: 2,
        lastPosition: 3,
        revisions: [1, 2, 1],
      }),
    ],
    events: [event1, event2, event(3, 'p2', 'b', 1, '2', { instance: 2, time: 2 })],
  },
  {
    name: 'a transaction of unknown fate that was done',
    operations: [
      a1,
      write('p2', [3, undefined], [check('a', 1), put('a', '2'), put('b', '2')], unknown),
      read([4, 5], 'b', 3, at(1, '2')),
    ],
    events: [event1, event2, event(3, 'p2', 'b', 1, '2', { instance: 2, time: 2 })],
  },
];
