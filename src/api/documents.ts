import { z } from 'zod';
import {
  collectionName,
  document,
  documentId,
  limitText,
  position,
  positionOrCursor,
  positionText,
  readParameters,
  revision,
  revisionText,
  time,
  timeText,
} from './scalars.ts';

/** Query of a read of one document. At most one of `revision`, `position` and `time`. */
export const documentQuery = z.strictObject({
  ...readParameters,
  revision: revisionText.optional().describe('As it was at this revision'),
  position: positionText.optional().describe('As it was at this position'),
  time: timeText.optional().describe('As it was at this time'),
  history: z.string().min(1).max(64).optional().describe('The id of the history that the numbers belong to'),
});
export type DocumentQuery = z.infer<typeof documentQuery>;

/** Query of a page of a collection. */
export const pageQuery = z.strictObject({
  ...readParameters,
  limit: limitText.optional(),
  cursor: z.string().min(1).max(2_048).optional().describe('Of the page before'),
});

/** Query of a document's history. */
export const historyQuery = z.strictObject({
  ...readParameters,
  after: positionOrCursor.optional(),
  before: positionOrCursor.optional(),
  order: z.enum(['asc', 'desc']).optional(),
  limit: limitText.optional(),
  include: z.enum(['document']).optional().describe('Adds the document after each event'),
});

export const diffQuery = z.strictObject({
  ...readParameters,
  from: revisionText,
  to: revisionText.optional().describe('The present revision where absent'),
});

/** What `If-Match` and `ifRevision` take: told where it is not the plain revision, which is so after a restore. */
const tag = z.string().describe("The ETag's text, where it is not the plain revision");

/** What a write answers with. */
export const writeResult = z.strictObject({ id: documentId, revision, position, time, tag: tag.optional() });

export const documentEntry = z.strictObject({
  id: documentId,
  revision,
  position,
  time,
  tag: tag.optional(),
  document,
});
export const documentPage = z.strictObject({ items: z.array(documentEntry), cursor: z.string().optional() });

export const restoreRequest = z.strictObject({ revision });

const ifRevisionWords = 'a revision such as 4, or an ETag as it was answered, such as "4" or "4-f4e9e6"';
/** `0`: must not exist. A number matches only revisions of the first history; other tags are given as text. */
const ifRevision = z
  .union(
    [z.int().min(0), z.string().regex(/^(?:W\/(?="))?("?)[1-9]\d{0,15}(?:-[A-Za-z0-9_-]{1,6})?\1$/, ifRevisionWords)],
    { error: ifRevisionWords },
  )
  .transform((value) => (typeof value === 'string' ? value.replace(/^(?:W\/)?"|"$/g, '') : value))
  .describe('The revision or the text of the ETag that the document must have; 0: it must not exist');

const target = { collection: collectionName, id: documentId };
export const transactionOperation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('put'), ...target, document: z.unknown(), ifRevision: ifRevision.optional() }),
  z.strictObject({ op: z.literal('create'), ...target, document: z.unknown(), ifRevision: z.literal(0).optional() }),
  z.strictObject({ op: z.literal('merge'), ...target, patch: z.unknown(), ifRevision: ifRevision.optional() }),
  z.strictObject({ op: z.literal('patch'), ...target, patch: z.unknown(), ifRevision: ifRevision.optional() }),
  z.strictObject({ op: z.literal('delete'), ...target, ifRevision: ifRevision.optional() }),
  z.strictObject({ op: z.literal('check'), ...target, ifRevision }),
]);
export type TransactionOperation = z.infer<typeof transactionOperation>;

/** The most operations of one transaction. */
export const transactionOperationsMax = 1_000;
export const transactionRequest = z.strictObject({
  operations: z.array(transactionOperation).min(1).max(transactionOperationsMax),
});
export const transactionResult = z.strictObject({
  results: z.array(z.strictObject({ revision: z.int().min(0), position, tag: tag.optional() })),
});
