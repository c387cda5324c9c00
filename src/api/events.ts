import { z } from 'zod';
import {
  collectionName,
  document,
  documentId,
  durationText,
  hashText,
  limitText,
  position,
  positionOrCursor,
  readParameters,
  revision,
  time,
  timeText,
} from './scalars.ts';

export const operations = ['created', 'replaced', 'merged', 'patched', 'deleted', 'restored', 'expired'] as const;

const filters = {
  collection: collectionName.optional(),
  id: documentId.optional().describe('Of a document, with `collection`'),
  idPrefix: z.string().min(1).max(512).optional().describe('Of document ids, with `collection`'),
  type: z.string().min(1).max(128).optional(),
  actor: z.string().min(1).max(128).optional(),
  operation: z.enum(operations).optional(),
  since: timeText.optional().describe('Inclusive'),
  until: timeText.optional().describe('Exclusive'),
  correlationId: z.string().min(1).max(512).optional(),
  idempotencyKey: z.string().min(1).max(128).optional(),
  eventId: z.string().min(1).max(64).optional(),
};

/** Query of the total order: pages, streams and long poll. */
export const eventsQuery = z.strictObject({
  ...readParameters,
  after: positionOrCursor.optional(),
  limit: limitText.optional(),
  wait: durationText.optional().describe('Long poll: how long to wait for the first event'),
  ...filters,
});
export type EventsQuery = z.infer<typeof eventsQuery>;

export const eventQuery = z.strictObject({
  ...readParameters,
  history: z.string().min(1).max(64).optional().describe('The id of the history that the position belongs to'),
});

/** One event, in the order of its bytes. */
export const event = z.object({
  position,
  instance: z.int().min(1),
  index: z.int().min(0),
  time,
  operation: z.enum(operations),
  revision,
  transaction: z.strictObject({ first: position, last: position }).optional(),
  back: z.array(position),
  payloadBytes: z.int().min(0),
  commitment: hashText.optional(),
  chain: hashText,
  erased: z.literal(true).optional(),
  salt: hashText.optional(),
  id: z.string().optional(),
  actor: z.string().optional(),
  collection: z.string().optional(),
  documentId: z.string().optional(),
  type: z.string().nullable().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  idempotencyKey: z.string().optional(),
  restoredFrom: z.int().min(1).optional(),
  document: document.optional(),
  patch: z.unknown().optional(),
});
export const eventPage = z.strictObject({ items: z.array(event), cursor: z.string() });

/**
 * An event and what proves it: SHA-256(chainBefore ‖ header ‖ commitment) is `chain`, where `header` is the text that
 * was hashed and the hashes are 32 raw bytes.
 */
export const provenEvent = z.strictObject({
  event,
  cursor: z.string(),
  proof: z.strictObject({ chainBefore: hashText, header: z.string(), commitment: hashText, chain: hashText }),
});

export const cloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  subject: z.string(),
  time,
  datacontenttype: z.literal('application/json').optional(),
  data: z.unknown().optional(),
});
