import { type EventLine, parseEventLine } from '../machine/event-line.ts';
import { parseTime } from '../machine/utc-time.ts';
import type { EventFilter } from '../store/checkpoint-reader.ts';

/**
 * Makes the test that tells whether an event line passes a filter. All that is given must hold; texts are compared
 * exactly. `idPrefix` is of the document's id, `correlationId` is the member of that name in the metadata, and
 * `eventId` also finds the events `<eventId>.<k>` of a transaction. An erased event passes only where nothing is asked
 * that was erased.
 * @throws LoggosError `checkpoint-damaged`, by the test, where a line is not JSON
 */
export function matcherOf(filter: EventFilter): (line: string) => boolean {
  const mustContain = textsOf(filter);
  return (line) => {
    // Texts are printed by one function: what a line does not contain it cannot hold. The document may contain it too.
    for (const text of mustContain) if (!line.includes(text)) return false;
    return matches(parseEventLine(line), filter);
  };
}

/** Whether a filter asks for anything at all. */
export function isEmptyFilter(filter: EventFilter | undefined): boolean {
  return filter === undefined || Object.values(filter).every((value) => value === undefined);
}

function textsOf(filter: EventFilter): string[] {
  const texts: string[] = [];
  const exactly = (field: string, value: string | undefined) => {
    if (value !== undefined) texts.push(`"${field}":${JSON.stringify(value)}`);
  };
  const begins = (field: string, value: string | undefined) => {
    // Half a surrogate pair is printed otherwise than the whole one.
    if (value?.isWellFormed() === true) texts.push(`"${field}":${JSON.stringify(value).slice(0, -1)}`);
  };
  exactly('collection', filter.collection);
  exactly('documentId', filter.documentId);
  exactly('type', filter.type);
  exactly('actor', filter.actor);
  exactly('operation', filter.operation);
  exactly('idempotencyKey', filter.idempotencyKey);
  begins('documentId', filter.idPrefix);
  begins('id', filter.eventId);
  return texts;
}

function matches(event: EventLine, filter: EventFilter): boolean {
  return (
    isSame(filter.collection, event.collection) &&
    isSame(filter.documentId, event.documentId) &&
    isSame(filter.type, event.type) &&
    isSame(filter.actor, event.actor) &&
    isSame(filter.operation, event.operation) &&
    isSame(filter.idempotencyKey, event.idempotencyKey) &&
    isSame(filter.correlationId, event.metadata?.correlationId) &&
    (filter.idPrefix === undefined || event.documentId?.startsWith(filter.idPrefix) === true) &&
    (filter.eventId === undefined || isEvent(filter.eventId, event.id)) &&
    isInTime(filter, event.time)
  );
}

function isSame(asked: string | undefined, value: unknown): boolean {
  return asked === undefined || asked === value;
}

function isEvent(asked: string, id: string | undefined): boolean {
  return id === asked || (id?.startsWith(`${asked}.`) === true && /^\d+$/.test(id.slice(asked.length + 1)));
}

function isInTime({ since, until }: EventFilter, printed: string): boolean {
  if (since === undefined && until === undefined) return true;
  const time = parseTime(printed);
  if (time === undefined) return false;
  return (since === undefined || time >= since) && (until === undefined || time < until);
}
