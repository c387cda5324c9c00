import type { z } from 'zod';
import { Refusal } from './refusal.ts';

/** A body by its schema. @throws Refusal `malformed-request` with the pointer of what is wrong */
export function parseShape<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const keys = issue?.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : (issue?.path ?? []);
  const pointer = keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  throw new Refusal('malformed-request', `the body is not as it should be at "${pointer}"`, {
    facts: { pointer, reason: issue?.message ?? 'not valid' },
  });
}
