import type { IncomingHttpHeaders } from 'node:http';
import type { Precondition } from '../documents/machine/types.ts';
import { invalidParameter } from './refusal.ts';

/** The most tags that one condition may list. */
const tagsMax = 100;
const tagPattern = /^(?:W\/)?"([\x21\x23-\x7e]*)"$/;

/** The tags of a condition header, without quotes and `W/` (proxies weaken tags when they compress); or `*`. */
export function parseTags(header: string, text: string): '*' | readonly string[] {
  if (text.trim() === '*') return '*';
  const tags = text.split(',', tagsMax + 1).map((part) => tagPattern.exec(part.trim())?.[1]);
  if (tags.length > tagsMax || tags.includes(undefined)) {
    throw invalidParameter(header, `${header} is * or quoted entity tags, such as "7"`);
  }
  return tags as string[];
}

/** What `If-Match` or `If-None-Match` asks of the document that is written. */
export function writePrecondition(headers: IncomingHttpHeaders): Precondition {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match === undefined && noneMatch === undefined) return { kind: 'none' };
  if (match !== undefined && noneMatch !== undefined) {
    throw invalidParameter('If-None-Match', 'a write takes If-Match or If-None-Match, not both');
  }
  if (match !== undefined) {
    const tags = parseTags('If-Match', match);
    return tags === '*' ? { kind: 'present' } : { kind: 'tags', tags };
  }
  const tags = parseTags('If-None-Match', noneMatch ?? '');
  return tags === '*' ? { kind: 'absent' } : { kind: 'not-tags', tags };
}

/**
 * For requests that no tag can condition: what they write has none yet, or has several.
 * @param creates - whether `If-None-Match: *` is true anyway, of an id made here
 * @throws Refusal `invalid-parameter`
 */
export function requireUnconditional(headers: IncomingHttpHeaders, instead: string, creates = false): void {
  if (headers['if-match'] !== undefined) {
    throw invalidParameter('If-Match', `If-Match cannot be honoured here: ${instead}`);
  }
  const noneMatch = headers['if-none-match'];
  if (noneMatch === undefined || (creates && noneMatch.trim() === '*')) return;
  throw invalidParameter('If-None-Match', `If-None-Match cannot be honoured here: ${instead}`);
}

/** What the conditions of a GET or HEAD make of a representation with `tag`. */
export function readCondition(headers: IncomingHttpHeaders, tag: string): 'send' | 'not-modified' | 'mismatch' {
  const match = headers['if-match'];
  if (match !== undefined) {
    const tags = parseTags('If-Match', match);
    if (tags !== '*' && !tags.includes(tag)) return 'mismatch';
  }
  const noneMatch = headers['if-none-match'];
  if (noneMatch === undefined) return 'send';
  const tags = parseTags('If-None-Match', noneMatch);
  return tags === '*' || tags.includes(tag) ? 'not-modified' : 'send';
}
