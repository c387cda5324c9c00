import type { Request, Response } from 'express';
import { mediaTypes } from '../api/headers.ts';
import { LoggosError } from '../base/errors.ts';
import type { Opening } from '../base/opening.ts';
import { ClientGone } from './refusal.ts';
import type { StreamCount } from './stream-count.ts';

/**
 * Event streams that came while their database was being opened. EventSource gives up on an error, so they wait until it
 * is, counted as the streams that they will be.
 */
export class HeldStreams {
  readonly #streams: StreamCount;
  readonly #held = new Set<(how: 'closing') => void>();
  #isClosed = false;

  constructor(streams: StreamCount) {
    this.#streams = streams;
  }

  /**
   * @param opening - of the database that was asked
   * @throws LoggosError `busy`, `stopped`; ClientGone
   */
  async hold(response: Response, opening: Opening): Promise<void> {
    if (this.#isClosed) throw stopping();
    const leave = this.#streams.enter();
    const over = Promise.withResolvers<'opened' | 'gone' | 'closing'>();
    const onClose = (): void => over.resolve('gone');
    response.once('close', onClose);
    this.#held.add(over.resolve);
    const forget = opening.whenOpen(() => over.resolve('opened'));
    const how = await over.promise;
    forget();
    this.#held.delete(over.resolve);
    response.off('close', onClose);
    leave();
    if (how === 'gone') throw new ClientGone();
    if (how === 'closing') throw stopping();
  }

  /** Refuses all that are held, and later ones. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#held) end('closing');
  }
}

/** Whether a request asks for a live stream of events. @param url - below its database */
export function asksForStream(request: Request, url: string): boolean {
  if (request.method !== 'GET' || !/^\/events(?:\?|$)/.test(url)) return false;
  const type = request.accepts([mediaTypes.json, mediaTypes.eventStream, mediaTypes.lines]);
  return type === mediaTypes.eventStream || type === mediaTypes.lines;
}

function stopping(): LoggosError {
  return new LoggosError('stopped', 'The replica is stopping.');
}
