import { Router } from 'express';
import type { Answering } from './answer.ts';
import { otherMethods } from './methods.ts';
import { requireNoQuery } from './query.ts';

/** `/`: where to go from here, for whoever opens the server's address. */
export function rootRoutes(version: string, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const links = { description: '/openapi.json', events: '/v1/events', ready: '/readyz' };
  const lines = Object.entries(links).map(([name, path]) => `  "${name}":"${path}"`);
  const body = `{"name":"Loggos","version":${JSON.stringify(version)},\n${lines.join(',\n')}}\n`;
  router
    .route('/')
    .get(
      answer((request) => {
        requireNoQuery(request);
        return { status: 200, headers: { 'Cache-Control': 'no-cache' }, body };
      }),
    )
    .all(answer(otherMethods('GET, HEAD')));
  return router;
}
