import { LoggosError } from '../base/errors.ts';
import type { Hashes } from '../base/hashes.ts';
import { type DocumentPage, type PageRequest, readPage } from './document-page.ts';
import type { AsOf, DocumentReader, DocumentVersion } from './document-reader.ts';
import { boundsOf, DocumentWalk, factsIn } from './document-walk.ts';
import { type EventsPage, type EventsRequest, readEvents } from './event-pages.ts';
import { chainStart } from './history/chain-walk.ts';
import { lastIndexWhere } from './history/history-files.ts';
import { chainPrefixOf } from './history/line-facts.ts';
import type { LiveDocuments } from './live-documents.ts';
import { chainPrefix } from './machine/event-line.ts';
import type { DocumentRow, HistoryFork } from './machine/types.ts';
import type { CheckpointReader, HistoryLine } from './store/checkpoint-reader.ts';
import { TailChain } from './tail-chain.ts';

/** As `DocumentReader.history`. */
interface HistoryRequest {
  readonly after?: number;
  readonly before?: number;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
}

/**
 * Answers reads from the live tail and from the checkpoint behind it, never waiting for the Replayer. The tail is looked
 * at first and synchronously; what it does not hold was pruned after the commit that covers it, so a checkpoint that is
 * asked afterwards holds it.
 */
export class TailAndCheckpointReader implements DocumentReader {
  readonly #live: LiveDocuments;
  readonly #checkpoint: CheckpointReader;
  readonly #walk: DocumentWalk;
  readonly #chain: TailChain;

  constructor(options: {
    readonly live: LiveDocuments;
    readonly checkpoint: CheckpointReader;
    readonly hashes: Hashes;
  }) {
    this.#live = options.live;
    this.#checkpoint = options.checkpoint;
    this.#walk = new DocumentWalk(options.live, options.checkpoint);
    this.#chain = new TailChain(options.live, options.checkpoint, options.hashes);
  }

  get position(): number {
    return this.#live.state.position;
  }

  get appliedInstance(): number {
    return this.#live.state.instance;
  }

  get histories(): readonly HistoryFork[] {
    return this.#live.state.histories;
  }

  current(collection: string, documentId: string): DocumentRow | undefined {
    return this.#live.row(collection, documentId);
  }

  async asOf(collection: string, documentId: string, at: AsOf): Promise<DocumentVersion> {
    const applied = this.position;
    const row = this.current(collection, documentId);
    if (row === undefined) throw neverWas();
    const eventAt = (position: number) => this.event(position);
    const bounds = await boundsOf(at, row, applied, eventAt, (time) => this.positionAtTime(time));
    const version = await this.#walk.versionOf(row, bounds);
    if (version === undefined) throw notYet();
    return version;
  }

  async history(
    collection: string,
    documentId: string,
    request: HistoryRequest,
  ): Promise<readonly HistoryLine[] | undefined> {
    const row = this.current(collection, documentId);
    if (row === undefined) return undefined;
    const positionMax = Math.min(request.before === undefined ? row.position : request.before - 1, row.position);
    const after = request.after ?? 0;
    if (request.order === 'desc') return this.#walk.walk(row.position, { positionMax }, request.limit, after);
    return this.#oldestFirst(row.position, positionMax, after, request.limit);
  }

  events(request: EventsRequest): Promise<EventsPage> {
    return readEvents(this.#live, this.#checkpoint, request);
  }

  async event(position: number): Promise<string | undefined> {
    if (position < 1 || position > this.position) return undefined;
    return this.#live.tail.line(position) ?? this.#checkpoint.line(position);
  }

  chainAt(position: number): Promise<Uint8Array | undefined> {
    return this.#chain.at(position);
  }

  async chainPrefixAt(position: number): Promise<string | undefined> {
    if (position === 0) return chainPrefix(chainStart);
    if (position === this.position) return chainPrefix(this.#live.state.chain);
    const line = await this.event(position);
    return line === undefined ? undefined : chainPrefixOf(line);
  }

  async positionAtTime(time: number): Promise<number> {
    const { state, tail } = this.#live;
    if (time >= state.time) return state.position;
    const { firstPosition } = tail;
    if (firstPosition === 0 || this.#timeInTail(firstPosition) > time) return this.#checkpoint.positionAtTime(time);
    const count = state.position - firstPosition + 1;
    return firstPosition + lastIndexWhere(count, (index) => this.#timeInTail(firstPosition + index) <= time);
  }

  page(collection: string, request: PageRequest): Promise<DocumentPage> {
    return readPage(this.#checkpoint, this.#walk, collection, request);
  }

  onApplied(listener: () => void): () => void {
    return this.#live.onApplied(listener);
  }

  /** Pointers lead back only: the revision to begin at is found first, and then the way to it is walked down. */
  async #oldestFirst(from: number, positionMax: number, after: number, limit: number): Promise<readonly HistoryLine[]> {
    const [last] = after === 0 ? [] : await this.#walk.walk(from, { positionMax: after }, 1);
    const revision = last === undefined ? 0 : factsIn(last.line).revision;
    for (let count = limit; ; ) {
      const lines = await this.#walk.walk(from, { revisionMax: revision + count, positionMax }, count, after);
      const oldest = lines.at(-1);
      if (oldest === undefined || factsIn(oldest.line).revision === revision + 1) return lines.toReversed();
      // Too many bytes, so the walk ended before the oldest: fewer, then.
      count = Math.max(1, Math.floor(lines.length / 2));
    }
  }

  #timeInTail(position: number): number {
    const line = this.#live.tail.line(position);
    return line === undefined ? Number.POSITIVE_INFINITY : factsIn(line).time;
  }
}

function neverWas(): LoggosError {
  return new LoggosError('not-found', 'There is no such document.');
}

function notYet(): LoggosError {
  return new LoggosError('not-found', 'The document did not exist yet.');
}
