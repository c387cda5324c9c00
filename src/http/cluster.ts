import { Router } from 'express';
import type { Answering } from './answer.ts';
import type { Database } from './database.ts';
import { otherMethods } from './methods.ts';
import { requireJsonAccepted } from './negotiation.ts';
import { positionHeaders } from './positions.ts';
import { requireNoQuery } from './query.ts';

/** The cluster as the replica that is asked sees it. */
export function clusterRoutes(database: Database, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router
    .route('/cluster')
    .get(
      answer((request) => {
        requireNoQuery(request);
        requireJsonAccepted(request);
        const headers = { 'Cache-Control': 'no-cache', ...positionHeaders(database) };
        return { status: 200, headers, body: JSON.stringify(database.cluster()) };
      }),
    )
    .all(answer(otherMethods('GET, HEAD')));
  return router;
}
