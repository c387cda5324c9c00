import { formatEventCursor, parseEventCursor } from '../api/cursors.ts';
import { positionText } from '../api/scalars.ts';
import { assert } from '../base/assert.ts';
import type { HistoryLine } from '../documents/store/checkpoint-reader.ts';
import type { Database } from './database.ts';
import { checkHistory, diverged, historyAt } from './positions.ts';
import { invalidParameter } from './refusal.ts';

const chainMark = '"chain":"';

/** The cursor of an event line: the chain stands in its header part, before anything that a client sent. */
export function lineCursor(database: Database, { position, line }: HistoryLine): string {
  const start = line.indexOf(chainMark) + chainMark.length;
  return formatEventCursor(position, historyAt(database.read.histories, position), line.slice(start, start + 8));
}

/** The cursor of an applied position. */
export async function positionCursor(database: Database, position: number): Promise<string> {
  const chain = await database.read.chainPrefixAt(position);
  assert(chain !== undefined, 'a cursor is given of an applied position');
  return formatEventCursor(position, historyAt(database.read.histories, position), chain);
}

/**
 * The position that a client means by a number or an event cursor. It may be above what is applied here.
 * @param stated - the history that the request says a bare number belongs to
 * @throws LoggosError `history-diverged`, `invalid-parameter`
 */
export async function meantPosition(
  database: Database,
  parameter: string,
  text: string,
  stated: string | undefined,
): Promise<number> {
  const number = positionText.safeParse(text);
  const { histories } = database.read;
  if (number.success) {
    checkHistory(histories, stated, number.data);
    return number.data;
  }
  const cursor = parseEventCursor(text);
  if (cursor === undefined) throw invalidParameter(parameter, `"${parameter}" is a position or an event cursor`);
  const { position, history, chain } = cursor;
  if (position === 0) return 0;
  const known = histories.findLastIndex(({ id }) => id.slice(0, 8) === history);
  const fork = known === -1 ? 0 : (histories[known + 1]?.fork ?? Number.POSITIVE_INFINITY);
  // Equal chains have equal pasts, whatever the history was called when the cursor was given.
  if (position <= database.read.position) {
    if ((await database.read.chainPrefixAt(position)) === chain) return position;
    // This very position of this very history has one chain: whoever says another was given it by somebody else.
    if (known !== -1 && position <= fork && historyAt(histories, position).startsWith(history)) {
      throw invalidParameter(parameter, `"${parameter}" is not a cursor of this database`);
    }
    throw diverged(Number.isFinite(fork) ? Math.min(fork, position - 1) : 0);
  }
  if (position > fork) throw diverged(fork);
  return position;
}
