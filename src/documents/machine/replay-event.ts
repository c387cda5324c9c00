import { LoggosError } from '../../base/errors.ts';
import { printJson } from '../../base/strict-json.ts';
import { parseEventLine } from './event-line.ts';
import { pastLimits } from './json-value.ts';
import { patchedBody } from './patched-body.ts';

/**
 * A document's body after an event: what the event carries, else its patch applied to the body before it; empty after
 * a deletion.
 * @param previousBody - needed only for a patch event that does not carry the result
 * @throws LoggosError `checkpoint-damaged`: the line is no event, or does not fit the body before; `history-trimmed`:
 * its content was erased
 */
export function contentAfter(previousBody: string | undefined, line: string): string {
  const event = parseEventLine(line);
  if (event.erased === true) throw new LoggosError('history-trimmed', 'The content of this event was erased.');
  if (event.operation === 'deleted' || event.operation === 'expired') return '';
  if (event.document !== undefined) return printJson(event.document);
  if (previousBody === undefined || previousBody === '' || event.patch === undefined)
    throw new LoggosError('checkpoint-damaged', 'A patch event stands where there is nothing to patch.');
  const kind = event.operation === 'merged' ? 'merge' : 'patch';
  try {
    return patchedBody(previousBody, kind, printJson(event.patch), pastLimits);
  } catch (error) {
    throw new LoggosError('checkpoint-damaged', 'A patch event does not fit the content before it.', {}, error);
  }
}

/** Whether `contentAfter` needs no body before it. @param operation - of the event's header */
export function carriesContent(operation: string, revision: number): boolean {
  return (operation !== 'merged' && operation !== 'patched') || revision % 16 === 0;
}
