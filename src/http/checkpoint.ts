import { type Request, Router } from 'express';
import { checkpointChange, digestQuery } from '../api/cluster.ts';
import { mediaTypes } from '../api/headers.ts';
import type { Answer, Answering } from './answer.ts';
import { bodyType, parseBody, readBody } from './body.ts';
import type { CheckpointChange, Database } from './database.ts';
import type { HttpServices } from './http-services.ts';
import { otherMethods } from './methods.ts';
import { requireJsonAccepted } from './negotiation.ts';
import { withReplayer } from './paused-replayer.ts';
import { positionHeaders } from './positions.ts';
import { parseQuery, requireNoQuery } from './query.ts';
import { Refusal } from './refusal.ts';
import { parseShape } from './shapes.ts';
import { deadlineOf } from './waiting.ts';

const acceptPatch = { 'Accept-Patch': mediaTypes.mergePatch };

/** The checkpoint of the replica that is asked: its state, its configuration, its digests. */
export function checkpointRoutes(database: Database, services: HttpServices, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const { checkpoint } = database;

  async function status(request: Request): Promise<Answer> {
    requireNoQuery(request);
    requireJsonAccepted(request);
    return present(await checkpoint.status());
  }

  async function configure(request: Request): Promise<Answer> {
    requireNoQuery(request);
    if (bodyType(request, acceptPatch) !== mediaTypes.mergePatch) {
      throw new Refusal('unsupported-media-type', 'the configuration is changed by a merge patch', {
        headers: acceptPatch,
      });
    }
    const body = await readBody(request, services.settings.bodyBytesMax);
    const change: CheckpointChange = withoutUndefined(parseShape(checkpointChange, parseBody(body, database)));
    return present(await checkpoint.configure(change));
  }

  async function digest(request: Request): Promise<Answer> {
    requireJsonAccepted(request);
    const { instance } = parseQuery(request, digestQuery);
    const deadline = deadlineOf(request, services);
    return present(await withReplayer(database, () => checkpoint.digest(instance, deadline)));
  }

  function present(value: unknown): Answer {
    const headers = { 'Cache-Control': 'no-cache', ...positionHeaders(database) };
    return { status: 200, headers, body: JSON.stringify(value) };
  }

  router
    .route('/checkpoint')
    .get(answer(status))
    .patch(answer(configure))
    .all(answer(otherMethods('GET, HEAD, PATCH', acceptPatch)));
  router
    .route('/digest')
    .get(answer(digest))
    .all(answer(otherMethods('GET, HEAD')));
  return router;
}

/** The type says that an absent field is absent, not undefined. */
function withoutUndefined<Value extends object>(
  value: Value,
): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [Key in keyof Value]: Exclude<Value[Key], undefined>;
  };
}
