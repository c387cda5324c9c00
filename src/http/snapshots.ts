import { type Request, Router } from 'express';
import { mediaTypes } from '../api/headers.ts';
import { positionText } from '../api/scalars.ts';
import { LoggosError } from '../base/errors.ts';
import type { Answer, Answering } from './answer.ts';
import { requirePostWithoutBody } from './body.ts';
import { byteRange } from './byte-range.ts';
import type { Database, SnapshotInfo, SnapshotTar } from './database.ts';
import { readCondition } from './entity-tags.ts';
import type { HttpServices } from './http-services.ts';
import { otherMethods } from './methods.ts';
import { negotiate, requireJsonAccepted } from './negotiation.ts';
import { withReplayer } from './paused-replayer.ts';
import { positionHeaders } from './positions.ts';
import { requireNoQuery } from './query.ts';
import { invalidParameter, Refusal } from './refusal.ts';

const openTries = 3;

/** Sealed copies of the state: made, listed, dropped, and sent as the tar that is the backup. */
export function snapshotRoutes(database: Database, _services: HttpServices, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const { snapshots } = database;

  async function create(request: Request): Promise<Answer> {
    requireNoQuery(request);
    requirePostWithoutBody(request);
    const info = await withReplayer(database, () => snapshots.create());
    const headers = { Location: `${request.baseUrl}/snapshots/${info.instance}`, ...positionHeaders(database) };
    return { status: 201, headers, body: JSON.stringify(info) };
  }

  async function list(request: Request): Promise<Answer> {
    requireNoQuery(request);
    requireJsonAccepted(request);
    return present({ items: await snapshots.list() });
  }

  async function get(request: Request): Promise<Answer> {
    requireNoQuery(request);
    requireJsonAccepted(request);
    const instance = instanceOf(request);
    const info = (await snapshots.list()).find((snapshot) => snapshot.instance === instance);
    if (info === undefined) throw new LoggosError('not-found', 'there is no such snapshot');
    return present(info);
  }

  async function remove(request: Request): Promise<Answer> {
    requireNoQuery(request);
    await snapshots.remove(instanceOf(request));
    return { status: 204, headers: positionHeaders(database) };
  }

  function present(value: unknown): Answer {
    const headers = { 'Cache-Control': 'no-cache', ...positionHeaders(database) };
    return { status: 200, headers, body: JSON.stringify(value) };
  }

  async function tar(request: Request): Promise<Answer> {
    requireNoQuery(request);
    negotiate(request, [mediaTypes.tar]);
    const instance = instanceOf(request);
    const opened = await snapshots.open(instance);
    try {
      return { ...partOf(request, opened), done: () => opened.release() };
    } catch (error) {
      await opened.release();
      throw error;
    }
  }

  async function latestTar(request: Request): Promise<Answer> {
    requireNoQuery(request);
    negotiate(request, [mediaTypes.tar]);
    if (request.method === 'HEAD') return await latestHead(request);
    const opened = await openLatest();
    return {
      status: 200,
      headers: latestHeaders(request, opened),
      stream: () => opened.read(0, opened.bytes - 1),
      done: () => opened.release(),
    };
  }

  /** Nobody asked for it to be kept: a backup a day would fill the disk. So somebody may drop it before it is open. */
  async function openLatest(): Promise<SnapshotTar> {
    for (let triesLeft = openTries; ; triesLeft--) {
      const { instance } = await withReplayer(database, () => snapshots.create('automatic'));
      try {
        return await snapshots.open(instance);
      } catch (error) {
        if (triesLeft === 1 || !(error instanceof LoggosError) || error.code !== 'not-found') throw error;
      }
    }
  }

  /** Seals nothing: says of the newest snapshot what is known, its length only while it is of the newest state. */
  async function latestHead(request: Request): Promise<Answer> {
    const newest = (await snapshots.list()).reduce<SnapshotInfo | undefined>(
      (best, info) => (best === undefined || info.instance > best.instance ? info : best),
      undefined,
    );
    const unknown = { 'Content-Type': mediaTypes.tar, 'Accept-Ranges': 'none', 'Cache-Control': 'no-cache' };
    if (newest === undefined || newest.position < database.read.position) {
      return { status: 200, headers: { ...unknown, ...positionHeaders(database) } };
    }
    const opened = await snapshots.open(newest.instance);
    await opened.release();
    return { status: 200, headers: latestHeaders(request, opened) };
  }

  function latestHeaders(request: Request, opened: SnapshotTar): Record<string, string | number> {
    return {
      ...tarHeaders(opened),
      'Accept-Ranges': 'none',
      'Content-Length': opened.bytes,
      'Content-Location': `${request.baseUrl}/snapshots/${opened.instance}.tar`,
    };
  }

  function partOf(request: Request, opened: SnapshotTar): Answer {
    const { bytes } = opened;
    const headers: Record<string, string | number> = { ...tarHeaders(opened), 'Accept-Ranges': 'bytes' };
    const condition = readCondition(request.headers, tagText(opened));
    if (condition === 'not-modified') return { status: 304, headers };
    if (condition === 'mismatch') throw new LoggosError('precondition-failed', 'the snapshot has another entity tag');
    const ifRange = request.headers['if-range'];
    // Another file than the one that was begun: the whole of this one, so that no two are joined.
    const isSame = ifRange === undefined || ifRange === `"${tagText(opened)}"`;
    const range = isSame && request.method === 'GET' ? byteRange(request.headers.range, bytes) : 'whole';
    if (range === 'unsatisfiable') {
      throw new Refusal('range-not-satisfiable', `the file has ${bytes} bytes`, {
        headers: { 'Content-Range': `bytes */${bytes}` },
      });
    }
    if (range === 'whole') {
      return {
        status: 200,
        headers: { ...headers, 'Content-Length': bytes },
        stream: () => opened.read(0, bytes - 1),
      };
    }
    const { first, last } = range;
    return {
      status: 206,
      headers: { ...headers, 'Content-Length': last - first + 1, 'Content-Range': `bytes ${first}-${last}/${bytes}` },
      stream: () => opened.read(first, last),
    };
  }

  function tarHeaders(opened: SnapshotTar): Record<string, string | number> {
    return {
      'Content-Type': mediaTypes.tar,
      'Content-Disposition': `attachment; filename="loggos-${database.name}-${opened.instance}.tar"`,
      ETag: `"${tagText(opened)}"`,
      'Cache-Control': 'no-cache, no-transform',
      ...positionHeaders(database),
    };
  }

  router
    .route('/snapshots')
    .get(answer(list))
    .post(answer(create))
    .all(answer(otherMethods('GET, HEAD, POST')));
  router
    .route('/snapshots/latest.tar')
    .get(answer(latestTar))
    .all(answer(otherMethods('GET, HEAD')));
  router
    .route('/snapshots/:instance.tar')
    .get(answer(tar))
    .all(answer(otherMethods('GET, HEAD')));
  router
    .route('/snapshots/:instance')
    .get(answer(get))
    .delete(answer(remove))
    .all(answer(otherMethods('GET, HEAD, DELETE')));
  return router;
}

function instanceOf(request: Request): number {
  const parsed = positionText.safeParse(request.params.instance);
  if (!parsed.success) throw invalidParameter('instance', 'a snapshot is named by its instance, a whole number');
  return parsed.data;
}

/** The seal, whether or not its owner gave it quotes. */
function tagText({ etag }: SnapshotTar): string {
  return etag.replaceAll('"', '');
}
