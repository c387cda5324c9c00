import { requestHeaders, responseHeaders } from '../api/headers.ts';
import { LoggosError } from '../base/errors.ts';
import type { Database } from './database.ts';
import { invalidParameter } from './refusal.ts';

type Histories = Database['read']['histories'];

/** The id of the history that is written now. */
export function presentHistory(database: Database): string {
  const { histories } = database.read;
  return histories[histories.length - 1]?.id ?? '';
}

/** The history that a position belongs to: the newest that forked off before it. */
export function historyAt(histories: Histories, position: number): string {
  for (let index = histories.length - 1; index > 0; index--) {
    const history = histories[index];
    if (history !== undefined && history.fork < position) return history.id;
  }
  return histories[0]?.id ?? '';
}

/** Headers of every answer about data: the position it is exact at, and the history. */
export function positionHeaders(
  database: Database,
  position = database.read.position,
): Record<string, string | number> {
  return { [responseHeaders.position]: position, [responseHeaders.history]: presentHistory(database) };
}

/**
 * Refuses a position that was learned in another history than the present line, where that history had gone its own way.
 * @param historyId - as the client remembers it, whole or its beginning; undefined: it did not say
 * @throws LoggosError `history-diverged`
 */
export function checkHistory(histories: Histories, historyId: string | undefined, position: number): void {
  if (historyId === undefined || position === 0) return;
  const index = histories.findIndex(({ id }) => id === historyId);
  if (index === -1) throw diverged(0);
  const next = histories[index + 1];
  if (next !== undefined && position > next.fork) throw diverged(next.fork);
}

/** @param lastCommonPosition - the last position known to be in both histories; 0 where nothing is known */
export function diverged(lastCommonPosition: number): LoggosError {
  return new LoggosError('history-diverged', 'the position belongs to a history that is not this one', {
    lastCommonPosition,
  });
}

/** The history that a request says its positions come from. */
export function statedHistory(headers: Readonly<Record<string, unknown>>): string | undefined {
  const history = headers[requestHeaders.history];
  if (history === undefined || history === '') return undefined;
  if (typeof history !== 'string' || history.length > 64) {
    throw invalidParameter('Loggos-History', 'Loggos-History is the id of one history');
  }
  return history;
}
