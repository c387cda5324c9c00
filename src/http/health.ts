import { type Request, Router } from 'express';
import { healthQuery } from '../api/cluster.ts';
import { mediaTypes } from '../api/headers.ts';
import { LoggosError } from '../base/errors.ts';
import type { Answer, Answering } from './answer.ts';
import type { Database, Deadline } from './database.ts';
import type { HttpServices } from './http-services.ts';
import { otherMethods } from './methods.ts';
import { parseQuery, requireNoQuery } from './query.ts';
import { deadlineOf } from './waiting.ts';

const uncached = { 'Content-Type': mediaTypes.text, 'Cache-Control': 'no-store' };

/**
 * For probes and scrapers. `/livez`: the process answers. `/readyz` and `/healthz`: a linearizable read would be
 * answered now. Without `verbose` they say nothing in detail.
 */
export function healthRoutes(
  databases: ReadonlyMap<string, Database>,
  metrics: () => Promise<string>,
  services: HttpServices,
  answer: Answering,
): Router {
  const router = Router({ caseSensitive: true, strict: true });

  function live(request: Request): Answer {
    const { verbose } = parseQuery(request, healthQuery);
    return { status: 200, headers: uncached, body: verbose === undefined ? 'ok\n' : '[+]process ok\nlivez passed\n' };
  }

  async function ready(request: Request): Promise<Answer> {
    const { verbose, exclude = '', sync } = parseQuery(request, healthQuery);
    const excluded = new Set(exclude.split(','));
    if (sync !== undefined) await waitForAll(request);
    const checks = [...databases.values()].flatMap((database) =>
      database.readiness().map((check) => ({ ...check, name: `${database.name}.${check.name}`, short: check.name })),
    );
    const counted = checks.filter(({ name, short }) => !excluded.has(name) && !excluded.has(short));
    const probe = request.path.slice(1);
    const isReady = databases.size > 0 && counted.every(({ ok }) => ok);
    const lines = checks.map(({ name, ok, detail, short }) => {
      const isExcluded = excluded.has(name) || excluded.has(short);
      const state = isExcluded ? 'excluded: ok' : ok ? 'ok' : 'failed';
      return `${ok || isExcluded ? '[+]' : '[-]'}${name} ${state}${detail === undefined ? '' : `: ${detail}`}\n`;
    });
    const result = isReady ? 'ok\n' : 'not ready\n';
    return {
      status: isReady ? 200 : 503,
      headers: isReady ? uncached : { ...uncached, 'Retry-After': 1 },
      body: verbose === undefined ? result : `${lines.join('')}${probe} ${isReady ? 'passed' : 'failed'}\n`,
    };
  }

  /** Until a linearizable read would be answered; the checks below say where that did not come about. */
  async function waitForAll(request: Request): Promise<void> {
    const deadline = deadlineOf(request, services);
    for (const name of databases.keys()) {
      try {
        await opened(name, deadline);
        await databases.get(name)?.linearizable(deadline);
      } catch (error) {
        if (!(error instanceof LoggosError)) throw error;
      }
    }
  }

  /** Until another than a stand-in answers for a database, or the deadline. */
  async function opened(name: string, deadline: Deadline): Promise<void> {
    const { opening } = databases.get(name) ?? {};
    if (opening === undefined) return;
    const { clock } = services;
    const over = Promise.withResolvers<void>();
    const cancel = clock.after(Math.max(0, deadline - clock.monotonic()), over.resolve);
    const forget = opening.whenOpen(over.resolve);
    await over.promise;
    forget();
    cancel();
  }

  async function scrape(request: Request): Promise<Answer> {
    requireNoQuery(request);
    const type = 'text/plain; version=0.0.4; charset=utf-8';
    return { status: 200, headers: { ...uncached, 'Content-Type': type }, body: await metrics() };
  }

  const readOnly = answer(otherMethods('GET, HEAD'));
  router.route('/livez').get(answer(live)).all(readOnly);
  router.route(['/readyz', '/healthz']).get(answer(ready)).all(readOnly);
  router.route('/metrics').get(answer(scrape)).all(readOnly);
  return router;
}
