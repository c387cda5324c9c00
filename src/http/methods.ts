import type { Handler } from './answer.ts';
import { Refusal } from './refusal.ts';

/** For the methods that a path does not have: OPTIONS says which it has, any other is 405. */
export function otherMethods(allow: string, headers: Readonly<Record<string, string>> = {}): Handler {
  return (request) => {
    const all = `${allow}, OPTIONS`;
    if (request.method === 'OPTIONS') return { status: 204, headers: { Allow: all, ...headers } };
    throw new Refusal('method-not-allowed', `${request.method} is not allowed here`, {
      facts: { allow: all },
      headers: { Allow: all },
    });
  };
}
