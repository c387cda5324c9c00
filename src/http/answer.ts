import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Clock } from '../base/clock.ts';
import type { Database } from './database.ts';
import type { HttpServices } from './http-services.ts';
import { turnEnd } from './turn-end.ts';

/** What a handler answers with; nothing but this file writes it to a response. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** JSON text, unless `headers` has another `Content-Type`. */
  readonly body?: string;
  /** In place of a body: chunks that are written as fast as the reader takes them. `signal` aborts when it is gone. */
  readonly stream?: (signal: AbortSignal) => AsyncIterable<string | Uint8Array>;
  /** Called once when the answer was written or given up, whether or not its stream was begun: gives back what it holds. */
  readonly done?: () => void | Promise<void>;
}

export type Handler = (request: Request) => Answer | Promise<Answer>;

/** An error on its way to the error handler, with the database whose position its answer will state. */
export class RouteFailure {
  readonly error: unknown;
  readonly database: Database;
  constructor(error: unknown, database: Database) {
    this.error = error;
    this.database = database;
  }
}

/** Turns handlers of one database (or of none) into Express's. */
export type Answering = (handler: Handler) => RequestHandler;

export function answering(services: HttpServices, database?: Database): Answering {
  const { clock, observer } = services;
  const refusal = database?.refusal;
  const refuse: Handler = () => {
    throw refusal?.();
  };
  const answerBy = (handler: Handler) => async (request: Request, response: Response, next: NextFunction) => {
    const startedAt = clock.monotonic();
    try {
      const answer = await handler(request);
      try {
        if (answer.stream === undefined) {
          await turnEnd();
          sendAnswer(request, response, answer);
          observer.measure('http_request_seconds', (clock.monotonic() - startedAt) / 1_000);
        } else {
          await sendStream(request, response, answer, services);
        }
      } finally {
        if (answer.done !== undefined) await answer.done();
      }
    } catch (error) {
      next(database === undefined ? error : new RouteFailure(error, database));
    }
  };
  return (handler) => answerBy(refusal === undefined ? handler : refuse);
}

/** Writes a whole answer; for HEAD its headers alone. */
export function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const { status, headers = {}, body } = answer;
  // Names and values in turn: Node takes them as they are, where an object would be copied, and taken apart again.
  const list: (string | number)[] = ['X-Content-Type-Options', 'nosniff'];
  for (const name in headers) list.push(name, headers[name] ?? '');
  if (body === undefined) {
    if (status >= 200 && status !== 204 && status !== 304 && headers['Content-Length'] === undefined) {
      if (request.method !== 'HEAD') list.push('Content-Length', 0);
    }
    response.writeHead(status, list).end();
    return;
  }
  if (headers['Content-Type'] === undefined) list.push('Content-Type', 'application/json');
  list.push('Content-Length', Buffer.byteLength(body));
  response.writeHead(status, list);
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/** Writes chunk by chunk, never more than the reader takes: whoever takes nothing for a while is cut off. */
async function sendStream(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  services: HttpServices,
): Promise<void> {
  const { clock, observer, settings } = services;
  if (response.destroyed || answer.stream === undefined) return;
  response.writeHead(answer.status, { 'X-Content-Type-Options': 'nosniff', ...answer.headers });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    for await (const chunk of answer.stream(gone.signal)) {
      if (gone.signal.aborted) return;
      if (response.write(chunk)) continue;
      if (await drained(response, settings.slowReaderMs, clock)) continue;
      observer.count('http_slow_readers_total');
      response.destroy();
      return;
    }
    response.end();
  } catch (error) {
    // The status is sent: the only honest end is a cut connection.
    observer.report('error', 'stream-failed', { error: error instanceof Error ? error.stack : String(error) });
    response.destroy();
  }
}

/** Whether the response took what was written within `limitMs`; a closed one counts, and is seen by the caller. */
function drained(response: ServerResponse, limitMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (inTime: boolean) => {
      cancel();
      response.off('drain', onTaken);
      response.off('close', onTaken);
      resolve(inTime);
    };
    const onTaken = () => settle(true);
    const cancel = clock.after(limitMs, () => settle(false));
    response.on('drain', onTaken);
    response.on('close', onTaken);
  });
}
