import { parseEventLine } from '../documents/machine/event-line.ts';

/** Extension names are lower-case letters and digits, by the specification. */
const extensionPattern = /^[a-z0-9]{1,20}$/;

/** A CloudEvents 1.0 envelope of an event line. */
export function cloudEvent(database: string, line: string): Record<string, unknown> {
  const event = parseEventLine(line);
  const { position, time, operation, revision, collection = '', documentId = '', actor, idempotencyKey } = event;
  const envelope: Record<string, unknown> = {
    specversion: '1.0',
    id: event.id ?? String(position),
    source: `/v1/databases/${database}`,
    type: event.type ?? `loggos.document.${operation}`,
    subject: `${collection}/${documentId}`,
    time,
    // A text, since the specification's integers have 32 bits.
    sequence: String(position),
    revision: String(revision),
    operation,
    collection,
    documentid: documentId,
  };
  if (actor !== undefined) envelope.actor = actor;
  if (idempotencyKey !== undefined) envelope.idempotencykey = idempotencyKey;
  for (const [name, value] of Object.entries(event.metadata ?? {})) {
    const extension = name.toLowerCase();
    const isPlain = typeof value === 'string' || typeof value === 'boolean';
    if (isPlain && extensionPattern.test(extension) && extension !== 'data') envelope[extension] ??= value;
  }
  const data = event.document ?? event.patch;
  if (data !== undefined) {
    envelope.datacontenttype = 'application/json';
    envelope.data = data;
  }
  return envelope;
}
