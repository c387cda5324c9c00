import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { DocumentEvent, Page } from './documents.ts';
import { ProblemError, UnreachableError } from './problem-error.ts';
import type { QueryValue, Requests } from './requests.ts';

/** What selects events; all given must hold. */
export interface EventQuery {
  readonly collection?: string;
  /** A document's, with `collection`. */
  readonly id?: string;
  readonly idPrefix?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly operation?: string;
  /** RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  readonly correlationId?: string;
  readonly idempotencyKey?: string;
  readonly eventId?: string;
}

/** An event as it came, and the cursor from which to go on after it. */
export interface FollowedEvent {
  readonly cursor: string;
  /** The very bytes of the history. */
  readonly text: string;
}

/** Heartbeats come every 15 s: a connection that is silent for longer than this is given up and opened again. */
const silenceMsMax = 45_000;
const retryMsFirst = 250;
const retryMsMax = 10_000;

/** The total order of one database. */
export class Events {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  page(
    query: EventQuery & { readonly after?: number | string; readonly limit?: number } = {},
  ): Promise<Page<DocumentEvent>> {
    return this.#requests.json('GET', '/events', { query: { ...query } });
  }

  /** One event, with the chain hashes and commitments around it. */
  proof(position: number): Promise<Readonly<Record<string, unknown>>> {
    return this.#requests.json('GET', `/events/${position}`);
  }

  /**
   * Every event after `after`, then the new ones as they happen, for ever: a broken connection is opened again at the
   * last cursor, so that none is missed and none comes twice. Ends when `signal` is aborted.
   * @throws ProblemError where going on is impossible: `history-diverged`, `history-trimmed`, a wrong parameter
   */
  async *follow(
    query: EventQuery & { readonly after?: number | string },
    signal?: AbortSignal,
  ): AsyncGenerator<FollowedEvent, void> {
    let cursor: string | undefined;
    let retryMs = retryMsFirst;
    while (!isAborted(signal)) {
      try {
        for await (const event of this.#stream({ ...query }, cursor, signal)) {
          cursor = event.cursor;
          retryMs = retryMsFirst;
          yield event;
        }
      } catch (error) {
        if (isAborted(signal)) return;
        if (!mayRetry(error)) throw error;
      }
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, retryMsMax);
    }
  }

  /** One connection. */
  async *#stream(
    query: Readonly<Record<string, QueryValue>>,
    cursor: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<FollowedEvent, void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), silenceMsMax);
    const signals = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
    const headers = { Accept: 'text/event-stream', 'Last-Event-ID': cursor };
    const received: FollowedEvent[] = [];
    const parser = createParser({
      onEvent: ({ id, data }: EventSourceMessage) => received.push({ cursor: id ?? '', text: data }),
    });
    try {
      const response = await this.#requests.send('GET', '/events', { query, headers, signal: signals, streams: true });
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silenceMsMax);
        parser.feed(decoder.decode(chunk, { stream: true }));
        yield* received.splice(0);
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** A server that starts, is busy or is gone for a moment; a stream that broke. */
function mayRetry(error: unknown): boolean {
  if (error instanceof ProblemError) return error.status >= 500 || error.status === 429;
  return error instanceof UnreachableError || error instanceof TypeError || (error as Error).name === 'AbortError';
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, delayMs);
    signal?.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
  });
}
