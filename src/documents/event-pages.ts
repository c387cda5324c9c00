import { assert } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { isEmptyFilter, matcherOf } from './history/event-filter.ts';
import type { LiveDocuments, TailView } from './live-documents.ts';
import type { CheckpointReader, EventFilter, HistoryLine } from './store/checkpoint-reader.ts';

/** As `DocumentReader.events`. */
export interface EventsRequest {
  readonly after: number;
  readonly filter?: EventFilter;
  readonly countMax: number;
  readonly bytesMax: number;
  readonly scanMax: number;
}

export interface EventsPage {
  readonly lines: readonly HistoryLine[];
  readonly scannedTo: number;
}

/** Lines looked at in one go in the tail. */
const TAIL_LINES_MAX = 1_000;
/** Rounds in a row that bring nothing: the checkpoint holds what the tail has dropped, so the second finds it. */
const IDLE_ROUNDS_MAX = 3;

/**
 * Events of the total order up to what is applied now, from the checkpoint into the tail. Before each step it is
 * decided anew which of the two holds the next position, so that the tail may be pruned at any time.
 */
export async function readEvents(
  live: LiveDocuments,
  checkpoint: CheckpointReader,
  request: EventsRequest,
): Promise<EventsPage> {
  const applied = live.state.position;
  const page = new Page(request);
  let idleRounds = 0;
  while (page.scannedTo < applied && !page.isFull) {
    const { firstPosition } = live.tail;
    if (firstPosition !== 0 && page.scannedTo + 1 >= firstPosition) {
      const lines = live.tail.lines(page.scannedTo, Math.min(TAIL_LINES_MAX, page.scansLeft));
      page.take(lines, applied, isPlanted('drop-event-at-leader-change') ? live.tail : undefined);
      continue;
    }
    const before = page.scannedTo;
    const part = await checkpoint.lines({ ...request, after: before, ...page.left });
    page.add(part, applied);
    idleRounds = page.scannedTo === before ? idleRounds + 1 : 0;
    assert(idleRounds < IDLE_ROUNDS_MAX, 'what the tail does not hold is in the checkpoint', { position: before + 1 });
  }
  return { lines: page.lines, scannedTo: page.scannedTo };
}

/** What was found so far, and how much of the request is left. */
class Page {
  readonly lines: HistoryLine[] = [];
  scannedTo: number;
  readonly #request: EventsRequest;
  readonly #passes: ((line: string) => boolean) | undefined;
  #bytes = 0;
  #isCut = false;

  constructor(request: EventsRequest) {
    this.#request = request;
    this.scannedTo = request.after;
    const { filter } = request;
    this.#passes = filter === undefined || isEmptyFilter(filter) ? undefined : matcherOf(filter);
  }

  get scansLeft(): number {
    return this.#request.scanMax - (this.scannedTo - this.#request.after);
  }

  get left(): { readonly countMax: number; readonly bytesMax: number; readonly scanMax: number } {
    const { countMax, bytesMax } = this.#request;
    return { countMax: countMax - this.lines.length, bytesMax: bytesMax - this.#bytes, scanMax: this.scansLeft };
  }

  get isFull(): boolean {
    const { countMax, bytesMax, scanMax } = this.left;
    return this.#isCut || countMax <= 0 || bytesMax <= 0 || scanMax <= 0;
  }

  /** Takes what passes of consecutive lines. */
  take(lines: readonly HistoryLine[], lastPosition: number, dropped?: TailView): void {
    for (const { position, line } of lines) {
      if (position > lastPosition || this.isFull) return;
      if (dropped !== undefined && isAfterNoOp(dropped, position, line)) this.scannedTo = position;
      else if (this.#passes === undefined || this.#passes(line)) this.#put({ position, line });
      if (this.#isCut) return;
      this.scannedTo = position;
    }
  }

  /** Takes what the checkpoint found. */
  add(part: EventsPage, lastPosition: number): void {
    for (const line of part.lines) {
      if (line.position > this.scannedTo && line.position <= lastPosition) this.#put(line);
      if (this.#isCut) return;
    }
    this.scannedTo = Math.max(this.scannedTo, Math.min(part.scannedTo, lastPosition));
  }

  /** The first line is taken whatever its length, so that every page comes further. */
  #put({ position, line }: HistoryLine): void {
    const bytes = Buffer.byteLength(line);
    this.#isCut = this.lines.length > 0 && this.#bytes + bytes > this.#request.bytesMax;
    if (this.#isCut) return;
    this.#bytes += bytes;
    this.lines.push({ position, line });
    this.scannedTo = Math.max(this.scannedTo, position);
  }
}

/** Of the planted bug alone: whether a new leader's no-op stands before an event. */
function isAfterNoOp(tail: TailView, position: number, line: string): boolean {
  const instanceOf = (text: string) => Number(text.slice(0, 80).match(/"instance":(\d+)/)?.[1]);
  return instanceOf(line) > instanceOf(tail.line(position - 1) ?? line) + 1;
}
