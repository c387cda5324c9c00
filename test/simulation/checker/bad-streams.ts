import { type ChosenEvent, ChosenHistory } from '../../../src/simulation/checker/chosen-history.ts';
import {
  checkEventStreams,
  EventStream,
  type StreamEnd,
  type StreamedEvent,
} from '../../../src/simulation/checker/event-streams.ts';
import type { Rule } from '../../../src/simulation/checker/violation.ts';
import { dayMs, event } from './hand-made.ts';

/** 1: a · 2, 3: one transaction of a and b · 4: b · 5, 6: one transaction of a and b · 7: a */
const events: readonly ChosenEvent[] = [
  event(1, 'p1', 'a', 1, '1'),
  event(2, 'p2', 'a', 2, '2'),
  event(3, 'p2', 'b', 1, '2', { instance: 2, time: 2 }),
  event(4, 'p3', 'b', 2, '3'),
  event(5, 'p4', 'a', 3, '4'),
  event(6, 'p4', 'b', 3, '4', { instance: 5, time: 5 }),
  event(7, 'p5', 'a', 4, '5'),
];

export interface StreamCase {
  readonly name: string;
  readonly after?: number;
  /** What arrived together, by positions; an event that is none of the history's may be given whole. */
  readonly deliveries: readonly (readonly (number | StreamedEvent)[])[];
  readonly key?: string;
  readonly end?: StreamEnd;
  readonly floor?: number;
  readonly mustReach?: number;
}

/** @throws Violation */
export function checkStreamCase({ after = 0, deliveries, key, end = 'cut', floor, mustReach = 0 }: StreamCase): void {
  const history = new ChosenHistory({ dedupeWindowMs: dayMs, eventsMax: 100 });
  for (const chosen of events) history.append(chosen);
  const filter = key === undefined ? {} : { filter: (chosen: ChosenEvent) => chosen.key === key };
  const stream = new EventStream('reader', { after, eventsMax: 100, ...filter });
  for (const delivery of deliveries) stream.deliver(delivery.map(streamed));
  stream.end = end;
  stream.floor = floor;
  checkEventStreams([stream], history, mustReach);
}

function streamed(given: number | StreamedEvent): StreamedEvent {
  if (typeof given !== 'number') return given;
  const chosen = events[given - 1];
  return chosen ?? { position: given, proposalId: 'nobody', key: 'a', revision: 1 };
}

export const badStreams: readonly (StreamCase & { readonly rule: Rule })[] = [
  { name: 'an event comes twice', rule: 'stream-repeat', deliveries: [[1], [1]] },
  { name: 'an event comes again after a resume', rule: 'stream-repeat', after: 1, deliveries: [[1]] },
  { name: 'an older event comes later', rule: 'stream-out-of-order', deliveries: [[1], [2, 3], [1]] },
  { name: 'two events change places in one delivery', rule: 'stream-out-of-order', deliveries: [[1], [3, 2]] },
  { name: 'an event is left out', rule: 'stream-gap', deliveries: [[1], [2, 3], [5, 6]] },
  { name: 'the first event after a resume is left out', rule: 'stream-gap', after: 3, deliveries: [[5, 6]] },
  { name: 'a part of a transaction is left out', rule: 'stream-gap', deliveries: [[1], [2], [4]] },
  { name: 'what was trimmed is skipped in silence', rule: 'stream-gap', after: 0, deliveries: [[4]] },
  { name: 'an event that was never chosen', rule: 'stream-unchosen', after: 7, deliveries: [[8]] },
  {
    name: 'another event at the position of a chosen one',
    rule: 'stream-unchosen',
    deliveries: [[{ position: 1, proposalId: 'p9', key: 'a', revision: 1 }]],
  },
  {
    name: 'an event with another revision',
    rule: 'stream-unchosen',
    deliveries: [[{ position: 1, proposalId: 'p1', key: 'a', revision: 2 }]],
  },
  { name: 'an event that the filter leaves out', rule: 'stream-filter', key: 'b', deliveries: [[1]] },
  { name: 'an event that the filter lets in is left out', rule: 'stream-gap', key: 'b', deliveries: [[3], [6]] },
  { name: 'a transaction comes in two deliveries', rule: 'stream-splits-transaction', deliveries: [[1], [2], [3]] },
  {
    name: 'the server closes inside a transaction',
    rule: 'stream-splits-transaction',
    deliveries: [[1], [2]],
    end: 'closed',
  },
  {
    name: 'a stream stays open inside a transaction',
    rule: 'stream-splits-transaction',
    deliveries: [[1], [2]],
    end: 'open',
  },
  { name: 'what is kept is said to be gone', rule: 'stream-gone-needlessly', after: 3, floor: 3, deliveries: [] },
  { name: 'an open stream falls silent', rule: 'stream-stalled', deliveries: [[1], [2, 3]], end: 'open', mustReach: 7 },
  { name: 'an open stream never begins', rule: 'stream-stalled', deliveries: [], end: 'open', mustReach: 1 },
  {
    name: 'a filtered stream falls silent',
    rule: 'stream-stalled',
    key: 'b',
    deliveries: [[3], [4]],
    end: 'open',
    mustReach: 6,
  },
];

export const goodStreams: readonly StreamCase[] = [
  {
    name: 'everything, each proposal for itself',
    deliveries: [[1], [2, 3], [4], [5, 6], [7]],
    end: 'open',
    mustReach: 7,
  },
  { name: 'everything at once', deliveries: [[1, 2, 3, 4, 5, 6, 7]], end: 'closed' },
  { name: 'a stream that was cut inside a transaction', deliveries: [[1], [2]] },
  { name: 'a stream that resumes inside a transaction', after: 2, deliveries: [[3], [4]] },
  { name: 'a filtered stream', key: 'b', deliveries: [[3], [4, 6]], end: 'open', mustReach: 7 },
  { name: 'a stream that waits for what is not chosen yet', after: 9, deliveries: [], end: 'open', mustReach: 7 },
  { name: 'a stream of what is gone', after: 2, floor: 4, deliveries: [] },
];
