import { LoggosError } from '../base/errors.ts';
import type { AsOf, DocumentReader } from '../documents/document-reader.ts';

/** What a guard knows of the checkpoint behind its reader. */
export interface ReadGuard {
  /** @throws LoggosError `checkpoint-damaged` once it is known to be */
  check(): void;
  /** A read met damage. */
  found(what: string): void;
}

/** A reader that tells of damage it meets, and answers nothing after it. */
export class GuardedReader implements DocumentReader {
  readonly #reader: DocumentReader;
  readonly #guard: ReadGuard;

  constructor(reader: DocumentReader, guard: ReadGuard) {
    this.#reader = reader;
    this.#guard = guard;
  }

  get position(): number {
    return this.#reader.position;
  }

  get appliedInstance(): number {
    return this.#reader.appliedInstance;
  }

  get histories(): DocumentReader['histories'] {
    return this.#reader.histories;
  }

  current(collection: string, documentId: string): ReturnType<DocumentReader['current']> {
    this.#guard.check();
    try {
      return this.#reader.current(collection, documentId);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  asOf(collection: string, documentId: string, at: AsOf): ReturnType<DocumentReader['asOf']> {
    return this.#guarded(() => this.#reader.asOf(collection, documentId, at));
  }

  history(...request: Parameters<DocumentReader['history']>): ReturnType<DocumentReader['history']> {
    return this.#guarded(() => this.#reader.history(...request));
  }

  events(request: Parameters<DocumentReader['events']>[0]): ReturnType<DocumentReader['events']> {
    return this.#guarded(() => this.#reader.events(request));
  }

  event(position: number): Promise<string | undefined> {
    return this.#guarded(() => this.#reader.event(position));
  }

  chainAt(position: number): Promise<Uint8Array | undefined> {
    return this.#guarded(() => this.#reader.chainAt(position));
  }

  chainPrefixAt(position: number): Promise<string | undefined> {
    return this.#guarded(() => this.#reader.chainPrefixAt(position));
  }

  positionAtTime(time: number): Promise<number> {
    return this.#guarded(() => this.#reader.positionAtTime(time));
  }

  page(...request: Parameters<DocumentReader['page']>): ReturnType<DocumentReader['page']> {
    return this.#guarded(() => this.#reader.page(...request));
  }

  onApplied(listener: () => void): () => void {
    return this.#reader.onApplied(listener);
  }

  async #guarded<Value>(read: () => Promise<Value>): Promise<Value> {
    this.#guard.check();
    try {
      return await read();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #noted(error: unknown): unknown {
    if (error instanceof LoggosError && error.code === 'checkpoint-damaged') this.#guard.found(error.message);
    return error;
  }
}
