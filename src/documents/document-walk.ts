import { LoggosError } from '../base/errors.ts';
import type { AsOf, DocumentVersion } from './document-reader.ts';
import { factsOf, type LineFacts } from './history/line-facts.ts';
import type { TailView } from './live-documents.ts';
import { nextHop } from './machine/back.ts';
import { carriesContent, contentAfter } from './machine/replay-event.ts';
import type { DocumentRow } from './machine/types.ts';
import type { CheckpointReader, HistoryLine } from './store/checkpoint-reader.ts';

/** Of lines taken from the tail in one walk; the checkpoint's side has its own bound. */
const TAIL_BYTES_MAX = 16 * 1024 * 1024;
/** A patch event whose revision divides by it carries the result. */
const PATCHES_MAX = 16;

/** Inclusive. */
export interface WalkBounds {
  readonly revisionMax?: number;
  readonly positionMax?: number;
}

/** All that a walk asks of the live state. */
interface WalkedTail {
  readonly tail: Pick<TailView, 'line'>;
}

/**
 * One document's past, from the tail into the checkpoint. The tail is looked at first and without waiting: what it does
 * not hold was pruned, so the checkpoint that is asked then holds it, and all that is older.
 */
export class DocumentWalk {
  readonly #live: WalkedTail;
  readonly #checkpoint: Pick<CheckpointReader, 'walk'>;

  constructor(live: WalkedTail, checkpoint: Pick<CheckpointReader, 'walk'>) {
    this.#live = live;
    this.#checkpoint = checkpoint;
  }

  /**
   * The document's events, newest first, from the newest one at or below both bounds. Fewer than `countMax` where
   * they would be too many bytes, but never none where there is one.
   * @param from - position of one of its events
   * @param positionAfter - exclusive
   */
  async walk(from: number, bounds: WalkBounds, countMax: number, positionAfter = 0): Promise<readonly HistoryLine[]> {
    const lines: HistoryLine[] = [];
    let bytes = 0;
    let hop: number | undefined = from;
    while (hop !== undefined && hop > positionAfter && lines.length < countMax && bytes < TAIL_BYTES_MAX) {
      const line = this.#live.tail.line(hop);
      if (line === undefined) {
        const request = { from: hop, ...bounds, countMax: countMax - lines.length, positionAfter };
        return [...lines, ...(await this.#checkpoint.walk(request))];
      }
      const facts = factsIn(line);
      if (isAbove(facts, bounds)) {
        hop = nextHop(facts.back, facts.revision, bounds)?.position;
        continue;
      }
      bytes += line.length;
      lines.push({ position: hop, line });
      hop = facts.back[0];
    }
    return lines;
  }

  /** Undefined: it did not exist yet. @param row - a row of it at or above the bounds, or any later one */
  async versionOf(row: DocumentRow, bounds: WalkBounds): Promise<DocumentVersion | undefined> {
    if (!isAbove(row, bounds)) return versionIn(row);
    const hop = nextHop(row.back, row.revision, bounds);
    if (hop === undefined) return undefined;
    const [found] = await this.walk(hop.position, bounds, 1);
    if (found === undefined) return undefined;
    const { position, line } = found;
    const { revision, time, operation } = factsIn(line);
    const body = carriesContent(operation, revision)
      ? contentAfter(undefined, line)
      : await this.#patchedContent(position, revision);
    const { collection, documentId } = row;
    return { collection, documentId, revision, position, time, deleted: isDeletion(operation), body };
  }

  /** The content after a patch event: from the nearest event that carries one, forward. */
  async #patchedContent(position: number, revision: number): Promise<string> {
    const patches: string[] = [];
    let body: string | undefined;
    let from: number | undefined = position;
    // More than one round only where the lines are long.
    for (let count = 0; from !== undefined && count <= PATCHES_MAX; ) {
      const lines: readonly HistoryLine[] = await this.walk(
        from,
        { revisionMax: revision },
        (revision % PATCHES_MAX) + 1,
      );
      from = undefined;
      for (const { line } of lines) {
        const facts = factsIn(line);
        count++;
        if (carriesContent(facts.operation, facts.revision)) {
          body = contentAfter(undefined, line);
          return patches.reduceRight((before, patch) => contentAfter(before, patch), body);
        }
        patches.push(line);
        from = facts.back[0];
      }
    }
    throw new LoggosError('checkpoint-damaged', 'A patch event follows no event that carries a document.', {
      position,
    });
  }
}

/**
 * What a moment means as bounds.
 * @param eventAt - reads the line at a position
 * @param positionAtTime - the last position whose time is not later
 * @throws LoggosError `invalid-parameter`: not a moment, or one that is not here yet
 */
export async function boundsOf(
  at: AsOf,
  row: DocumentRow,
  applied: number,
  eventAt: (position: number) => Promise<string | undefined>,
  positionAtTime: (time: number) => Promise<number>,
): Promise<WalkBounds> {
  if ('revision' in at) {
    if (!Number.isSafeInteger(at.revision) || at.revision < 1) throw notAMoment('revision');
    if (at.revision > row.revision) throw notReached('revision', { currentRevision: row.revision });
    return { revisionMax: at.revision };
  }
  if ('time' in at) {
    if (!Number.isSafeInteger(at.time)) throw notAMoment('time');
    return { positionMax: at.time >= row.time ? row.position : await positionAtTime(at.time) };
  }
  if (!Number.isSafeInteger(at.position) || at.position < 0) throw notAMoment('position');
  if (at.position > applied) throw notReached('position', { position: applied });
  if (at.position >= row.position || at.position === 0) return { positionMax: at.position };
  const line = await eventAt(at.position);
  const last = line === undefined ? undefined : factsIn(line).transaction?.last;
  return { positionMax: last ?? at.position };
}

/** @throws LoggosError `checkpoint-damaged` */
export function factsIn(line: string): LineFacts {
  const facts = factsOf(line);
  if (facts === undefined) throw new LoggosError('checkpoint-damaged', 'A line of history is not an event.');
  return facts;
}

function isAbove(event: { readonly revision: number; readonly position: number }, bounds: WalkBounds): boolean {
  return (
    event.revision > (bounds.revisionMax ?? Number.POSITIVE_INFINITY) ||
    event.position > (bounds.positionMax ?? Number.POSITIVE_INFINITY)
  );
}

function versionIn({ collection, documentId, revision, position, time, deleted, body }: DocumentRow): DocumentVersion {
  return { collection, documentId, revision, position, time, deleted, body };
}

function isDeletion(operation: string): boolean {
  return operation === 'deleted' || operation === 'expired';
}

function notAMoment(parameter: string): LoggosError {
  return new LoggosError('invalid-parameter', `The ${parameter} is not one.`, { parameter });
}

function notReached(parameter: string, facts: Readonly<Record<string, number>>): LoggosError {
  return new LoggosError('invalid-parameter', `The ${parameter} lies in the future.`, { parameter, ...facts });
}
