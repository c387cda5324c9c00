import type { Request, Response } from 'express';
import { mediaTypes, responseHeaders } from '../api/headers.ts';
import { problems, problemType } from '../api/problems.ts';
import { type ErrorCode, type ErrorFacts, LoggosError } from '../base/errors.ts';
import { type Answer, RouteFailure, sendAnswer } from './answer.ts';
import type { HttpServices } from './http-services.ts';
import { replayerAdvice } from './paused-replayer.ts';
import { presentHistory } from './positions.ts';
import { ClientGone, Refusal } from './refusal.ts';

/** Their messages may name files of the server: a client sees the advice alone. */
const privateCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'internal',
  'checkpoint-damaged',
  'snapshot-damaged',
  'directory-locked',
  'directory-unusable',
  'usage',
]);

/** Answers every error of the REST interface: it alone makes problem+json. */
export function answeringProblems(services: HttpServices) {
  return (failure: unknown, request: Request, response: Response): void => {
    const { error, database } = failure instanceof RouteFailure ? failure : { error: failure, database: undefined };
    if (error instanceof ClientGone) return;
    const errorId = services.ids();
    const answer = problemAnswer(error, errorId);
    const level = answer.status >= 500 && !(error instanceof LoggosError) ? 'error' : 'debug';
    services.observer.report(level, 'request-failed', {
      errorId,
      status: answer.status,
      method: request.method,
      error: error instanceof Error ? error.stack : String(error),
    });
    if (answer.status >= 500) services.observer.count('http_server_errors_total');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const headers: Record<string, string | number> = { ...answer.headers };
    // One that was never open here knows no position yet.
    if (database !== undefined && database.read.histories.length > 0) {
      headers[responseHeaders.position] ??= database.read.position;
      headers[responseHeaders.history] = presentHistory(database);
    }
    sendAnswer(request, response, { ...answer, headers });
  };
}

/** The problem+json of any error. What is not a `LoggosError` is a plain 500. */
export function problemAnswer(error: unknown, errorId: string): Answer {
  const { code, message, facts, status, headers, advice } = describe(error);
  const { title, retryAfterSeconds } = problems[code];
  const detail = privateCodes.has(code) || message === '' ? advice : detailOf(sentence(message), advice);
  const body = {
    type: problemType(code),
    title,
    status,
    detail,
    code,
    instance: errorId,
    ...(retryAfterSeconds === undefined ? {} : { retryAfter: retryAfterSeconds }),
    ...(privateCodes.has(code) ? {} : facts),
  };
  return {
    status,
    headers: {
      'Content-Type': mediaTypes.problem,
      'Cache-Control': 'no-cache',
      ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': retryAfterSeconds }),
      ...headers,
    },
    body: JSON.stringify(body),
  };
}

interface Described {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly advice: string;
}

function describe(error: unknown): Described {
  if (error instanceof LoggosError) {
    const { code, message, facts } = error;
    const refusal = error instanceof Refusal ? error : undefined;
    const status = refusal?.status ?? problems[code].status;
    return {
      code,
      message,
      facts,
      status,
      headers: refusal?.headers ?? {},
      advice: refusal?.advice ?? adviceOf(error),
    };
  }
  // Express itself refuses a path with bad percent-encoding so; its message holds the path.
  if (error instanceof Error && 'status' in error && error.status === 400) {
    const message = 'The path has bad percent-encoding';
    const { advice } = problems['malformed-request'];
    return { code: 'malformed-request', message, facts: {}, status: 400, headers: {}, advice };
  }
  return { code: 'internal', message: '', facts: {}, status: 500, headers: {}, advice: problems.internal.advice };
}

/** Writes that wait for the Replayer: slower tries do not help where it is paused. */
function adviceOf({ code, facts }: LoggosError): string {
  return code === 'busy' && facts.cause === 'replayer' ? replayerAdvice : problems[code].advice;
}

/** What the message says already is not said again. */
function detailOf(message: string, advice: string): string {
  const said = message.toLowerCase();
  const rest = advice.split(/(?<=\.) /).filter((part) => !said.includes(part.slice(0, -1).toLowerCase()));
  return [message, ...rest].join(' ');
}

function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
