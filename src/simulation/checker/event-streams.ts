import { assert } from '../../base/assert.ts';
import type { ChosenEvent, ChosenHistory } from './chosen-history.ts';
import { type Rule, Violation } from './violation.ts';

/** One event as a stream delivered it. */
export interface StreamedEvent {
  readonly position: number;
  readonly proposalId: string;
  readonly key: string;
  readonly revision: number;
}

export type EventFilter = (event: ChosenEvent) => boolean;

/** `cut`: by a fault, anywhere. `closed`: by the server, cleanly. `open`: still there when the run ended. */
export type StreamEnd = 'open' | 'cut' | 'closed';

/** One connection of one reader: from a position on. A reader that resumes has several. */
export class EventStream {
  readonly label: string;
  /** The position that it asked to begin after. */
  readonly after: number;
  readonly filter: EventFilter | undefined;
  end: StreamEnd = 'open';
  /** The answer 410: what is kept begins after this position. */
  floor: number | undefined;
  readonly #eventsMax: number;
  readonly #events: StreamedEvent[] = [];
  /** The index of each delivery's first event. */
  readonly #deliveries = new Set<number>();

  /** @param options.filter - undefined: everything; @param options.eventsMax - at the limit `isFull`: the reader stops */
  constructor(
    label: string,
    options: { readonly after: number; readonly filter?: EventFilter; readonly eventsMax: number },
  ) {
    this.label = label;
    this.after = options.after;
    this.filter = options.filter;
    this.#eventsMax = options.eventsMax;
  }

  get isFull(): boolean {
    return this.#events.length >= this.#eventsMax;
  }

  /** Where the reader would resume. */
  get lastPosition(): number {
    return this.#events.at(-1)?.position ?? this.after;
  }

  get events(): readonly StreamedEvent[] {
    return this.#events;
  }

  /** Whether a delivery begins with the event of this index. */
  isDeliveryStart(index: number): boolean {
    return this.#deliveries.has(index);
  }

  /**
   * What arrived together.
   * @throws Violation `stream-out-of-order`, `stream-repeat`
   */
  deliver(events: readonly StreamedEvent[]): void {
    assert(this.end === 'open' && this.floor === undefined, 'only an open stream delivers');
    this.#deliveries.add(this.#events.length);
    for (const event of events) {
      const { lastPosition } = this;
      if (event.position === lastPosition) throw wrong('stream-repeat', this, `position ${lastPosition} came again`);
      if (event.position < lastPosition) {
        throw wrong('stream-out-of-order', this, `position ${event.position} came after ${lastPosition}`);
      }
      this.#events.push(event);
    }
  }
}

/**
 * C5, at the end of a run: each connection delivered exactly the chosen events from where it began that pass its filter,
 * transactions whole; and what was still open has come as far as it had to.
 * @param mustReach - the position that open streams have to have come to
 * @throws Violation
 */
export function checkEventStreams(streams: readonly EventStream[], history: ChosenHistory, mustReach: number): void {
  for (const stream of streams) checkStream(stream, history, mustReach);
}

function checkStream(stream: EventStream, history: ChosenHistory, mustReach: number): void {
  if (stream.floor !== undefined) {
    if (stream.floor > stream.after) return;
    throw wrong('stream-gone-needlessly', stream, `${stream.floor} is kept, after ${stream.after} was asked for`);
  }
  const expected = expectedEvents(stream, history);
  for (const [index, event] of stream.events.entries()) checkEvent(stream, event, expected[index], history);
  checkTransactions(stream, expected);
  const next = expected[stream.events.length];
  if (stream.end === 'open' && next !== undefined && next.position <= mustReach) {
    throw wrong('stream-stalled', stream, `position ${next.position} was not delivered`);
  }
}

/** As many as were delivered, and the one that comes next. */
function expectedEvents(stream: EventStream, history: ChosenHistory): readonly ChosenEvent[] {
  const { after, filter, events } = stream;
  if (filter === undefined) return history.events.slice(after, after + events.length + 1);
  return history.events.slice(after).filter(filter);
}

function checkEvent(
  stream: EventStream,
  event: StreamedEvent,
  expected: ChosenEvent | undefined,
  history: ChosenHistory,
): void {
  const chosen = history.eventAt(event.position);
  const isChosen =
    chosen?.proposalId === event.proposalId && chosen.key === event.key && chosen.revision === event.revision;
  if (chosen === undefined || !isChosen) {
    throw wrong('stream-unchosen', stream, `position ${event.position} holds another event, or none`);
  }
  if (event.position === expected?.position) return;
  if (stream.filter !== undefined && !stream.filter(chosen)) {
    throw wrong('stream-filter', stream, `position ${event.position} does not pass the filter`);
  }
  throw wrong('stream-gap', stream, `position ${event.position} came where ${expected?.position} should have`);
}

/** A transaction comes in one delivery, except where the connection was cut inside it. */
function checkTransactions(stream: EventStream, expected: readonly ChosenEvent[]): void {
  for (let index = 1; index <= stream.events.length; index++) {
    const goesOn = expected[index]?.proposalId === expected[index - 1]?.proposalId;
    if (!goesOn) continue;
    const isLast = index === stream.events.length;
    if (isLast ? stream.end === 'cut' : !stream.isDeliveryStart(index)) continue;
    throw wrong('stream-splits-transaction', stream, `after position ${stream.events[index - 1]?.position}`);
  }
}

function wrong(rule: Rule, { label, after }: EventStream, detail: string): Violation {
  return new Violation(rule, `stream ${label} after ${after}: ${detail}`);
}
