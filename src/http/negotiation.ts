import type { Request } from 'express';
import { mediaTypes } from '../api/headers.ts';
import { Refusal } from './refusal.ts';

/** The offered type that the client likes best. @throws Refusal `not-acceptable` */
export function negotiate(request: Request, offered: readonly [string, ...string[]]): string {
  const { accept } = request.headers;
  if (accept === undefined || accept === '*/*' || accept === offered[0]) return offered[0];
  const type = request.accepts([...offered]);
  if (type !== false) return type;
  throw new Refusal('not-acceptable', 'no type in Accept is offered here', {
    facts: { available: offered.join(', ') },
  });
}

/** For a resource that is JSON only. @throws Refusal `not-acceptable` */
export function requireJsonAccepted(request: Request): void {
  const { accept } = request.headers;
  if (accept !== undefined && accept !== '*/*' && accept !== mediaTypes.json) negotiate(request, [mediaTypes.json]);
}

/** What `Prefer: return=…` asks of a write's answer; other preferences are left aside, as RFC 7240 allows. */
export function preferredReturn(request: Request): 'representation' | 'minimal' | undefined {
  const { prefer } = request.headers;
  if (prefer === undefined) return undefined;
  const text = Array.isArray(prefer) ? prefer.join(',') : prefer;
  const [, preferred] = /(?:^|[,;])\s*return\s*=\s*"?(representation|minimal)"?\s*(?:[,;]|$)/i.exec(text) ?? [];
  return preferred?.toLowerCase() as 'representation' | 'minimal' | undefined;
}
