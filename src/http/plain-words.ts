import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

const types: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

/**
 * What is wrong with a value, in words that go behind its name: `is missing`, `must be one of asc, desc`.
 * @param whole - what was checked
 */
export function plainly(issue: Issue, whole: unknown): string {
  if (issue.path.length > 0 && valueAt(whole, issue.path) === undefined) return 'is missing';
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'is not known here';
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.join(', ')}`;
    case 'invalid_union': {
      const { options } = issue as { readonly options?: readonly unknown[] };
      return options === undefined ? said(issue) : `must be one of ${options.join(', ')}`;
    }
    case 'invalid_type':
      return `must be ${types[issue.expected] ?? issue.expected}`;
    case 'too_small':
    case 'too_big':
      return limited(issue);
    default:
      return said(issue);
  }
}

function limited(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const bound = `${issue.code === 'too_small' ? 'at least' : 'at most'} ${limit}`;
  const plural = Number(limit) === 1 ? '' : 's';
  if (issue.origin === 'string') return `must have ${bound} character${plural}`;
  return issue.origin === 'array' ? `must have ${bound} item${plural}` : `must be ${bound}`;
}

/** Our schemas say what a value must be; the library's own texts show patterns, which nobody asked for. */
function said({ message }: Issue): string {
  return message.startsWith('Invalid') ? 'is not valid' : `must be ${message}`;
}

function valueAt(whole: unknown, path: readonly PropertyKey[]): unknown {
  let value = whole;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return value;
}
