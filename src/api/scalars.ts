import { z } from 'zod';

/** How OpenAPI shows a parameter whose text is parsed: the JSON type behind the text. */
const shownAs = (openapi: Readonly<Record<string, unknown>>) => ({ openapi });

/** The most characters of a collection's name. */
export const collectionPattern = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64}$/;
/** The most UTF-8 bytes of a document's id. */
export const documentIdBytesMax = 512;

export const collectionName = z
  .string()
  .regex(collectionPattern, '1 to 64 of A-Z a-z 0-9 _ . -, not . or ..')
  .describe('1 to 64 of A-Z a-z 0-9 _ . -');
export const documentId = z.string().min(1).describe('1 to 512 bytes of UTF-8 without NUL');
export const position = z.int().min(0).describe('A place in the total order of events');
export const revision = z.int().min(1).describe("A document's version");
export const time = z.string().describe('RFC 3339, UTC, milliseconds');
export const hashText = z.string().describe('A hash in base64url');
export const document = z.record(z.string(), z.unknown()).describe('A JSON object');

/** A whole number from 0 in a query string. */
export const positionText = z
  .string()
  .regex(/^\d{1,16}$/, 'a whole number from 0')
  .transform(Number)
  .refine(Number.isSafeInteger, 'a number below 2^53')
  .meta(shownAs({ type: 'integer', minimum: 0 }));

/** A whole number from 1 in a query string. */
export const revisionText = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, 'a whole number from 1')
  .transform(Number)
  .refine(Number.isSafeInteger, 'a number below 2^53')
  .meta(shownAs({ type: 'integer', minimum: 1 }));

/** An RFC 3339 time in a query string, to milliseconds since 1970. */
export const timeText = z.iso
  .datetime({ offset: true, error: 'an RFC 3339 time such as 2026-11-24T10:00:00Z' })
  .transform((text) => Date.parse(text))
  .meta(shownAs({ type: 'string', format: 'date-time' }));

/** Such as `500ms`, `5s`, `2m`; to milliseconds. */
export const durationText = z
  .string()
  .regex(
    /^\d{1,7}(ms|s|m)$/,
    'a whole number with its unit, ms, s or m, such as 500ms, 5s or 2m; more than 10m is taken as 10m',
  )
  .transform((text) => parseDuration(text))
  .meta(shownAs({ type: 'string', pattern: '^\\d{1,7}(ms|s|m)$' }));

function parseDuration(text: string): number {
  const amount = Number.parseInt(text, 10);
  if (text.endsWith('ms')) return amount;
  return amount * (text.endsWith('m') ? 60_000 : 1_000);
}

/** Items of a page; more than 1,000 is taken as 1,000. */
export const limitText = z
  .string()
  .regex(/^0*[1-9]\d{0,15}$/, 'a whole number from 1')
  .transform((text) => Math.min(Number(text), 1_000))
  .meta(shownAs({ type: 'integer', minimum: 1, maximum: 1_000, default: 100 }));

/** What every read takes. `lease` is answered as `linearizable`. */
export const readParameters = {
  consistency: z.enum(['linearizable', 'lease', 'local']).optional(),
  maxStaleness: durationText.optional().describe('How old a local answer may be'),
};

/** Either a position or the text of an event cursor. */
export const positionOrCursor = z
  .string()
  .min(1)
  .max(64)
  .meta(shownAs({ type: 'string' }))
  .describe('A position, or an event cursor');
