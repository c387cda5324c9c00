import type { z } from 'zod';
import { plainly } from './plain-words.ts';
import { Refusal } from './refusal.ts';

/** A body by its schema. @throws Refusal `malformed-request` with the pointer of what is wrong */
export function parseShape<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const keys = issue?.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : (issue?.path ?? []);
  const pointer = keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const reason = issue === undefined ? 'is not valid' : plainly(issue, value);
  const place = pointer === '' ? 'the body' : `${JSON.stringify(pointer)} of the body`;
  throw new Refusal('malformed-request', `${place} ${reason}`, { facts: { pointer, reason } });
}
