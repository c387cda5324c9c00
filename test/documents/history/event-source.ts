import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Hashes } from '../../../src/base/hashes.ts';
import { nextBack } from '../../../src/documents/machine/back.ts';
import {
  chainLink,
  commitmentOf,
  type EventOperation,
  printErasedLine,
  printEventLine,
  printHeader,
  printPayload,
} from '../../../src/documents/machine/event-line.ts';
import type { DocumentRow } from '../../../src/documents/machine/types.ts';
import { printTime } from '../../../src/documents/machine/utc-time.ts';

export const hashes: Hashes = {
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
  crc32: (bytes, previous) => crc32(bytes, previous ?? 0),
};

/** A small generator with a seed: numbers from 0 to 1. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** One event as the tests know it. */
export interface KnownEvent {
  readonly position: number;
  readonly line: string;
  readonly collection: string;
  readonly documentId: string;
  readonly revision: number;
  readonly time: number;
  readonly operation: EventOperation;
  readonly actor: string;
  readonly type: string | null;
  readonly eventId: string;
  readonly correlationId: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly transaction: { readonly first: number; readonly last: number } | undefined;
  readonly body: string;
  readonly back: readonly number[];
  /** c after it. */
  readonly chain: Uint8Array;
  readonly erased: boolean;
}

export interface EventOptions {
  readonly collection?: string;
  readonly documentId?: string;
  readonly operation?: EventOperation;
  readonly actor?: string;
  readonly type?: string | null;
  readonly correlationId?: string;
  readonly idempotencyKey?: string;
  readonly body?: string;
  readonly erased?: boolean;
  readonly timeStep?: number;
  readonly transaction?: { readonly first: number; readonly last: number };
  readonly eventId?: string;
}

/** Makes a correct history event by event: positions, revisions, back lists, chain. */
export class EventSource {
  readonly events: KnownEvent[] = [];
  readonly rows = new Map<string, DocumentRow>();
  readonly #random: () => number;
  #time = 1_780_000_000_000;
  #chain: Uint8Array = new Uint8Array(32);

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  get chain(): Uint8Array {
    return this.#chain;
  }

  get time(): number {
    return this.#time;
  }

  add(options: EventOptions = {}): KnownEvent {
    const position = this.events.length + 1;
    const { collection = 'ships', documentId = 'argo', actor = 'anonymous', type = null } = options;
    const key = `${collection}/${documentId}`;
    const before = this.rows.get(key);
    const revision = (before?.revision ?? 0) + 1;
    const back = before === undefined ? [] : nextBack(before.revision, before.position, before.back);
    const operation = options.operation ?? (before === undefined || before.deleted ? 'created' : 'replaced');
    const body = operation === 'deleted' ? '' : (options.body ?? `{"name":"${documentId}","n":${position}}`);
    this.#time += options.timeStep ?? Math.floor(this.#random() * 3) * 10;
    const eventId = options.eventId ?? this.#text(21);
    const metadata = options.correlationId === undefined ? {} : { correlationId: options.correlationId };
    const { payload } = printPayload({
      id: eventId,
      actor,
      collection,
      documentId,
      type,
      metadata,
      ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
      ...(operation === 'deleted' ? {} : { content: { field: 'document', json: body } }),
    });
    const header = printHeader({
      position,
      instance: position,
      index: 0,
      time: printTime(this.#time),
      operation,
      revision,
      ...(options.transaction === undefined ? {} : { transaction: options.transaction }),
      back,
      payloadBytes: Buffer.byteLength(payload),
    });
    const salt = Uint8Array.from({ length: 16 }, () => Math.floor(this.#random() * 256));
    const commitment = commitmentOf(salt, payload, hashes);
    this.#chain = chainLink(this.#chain, header, commitment, hashes);
    const erased = options.erased === true;
    const line = erased
      ? printErasedLine(header, this.#chain, commitment)
      : printEventLine(header, this.#chain, salt, payload);
    const deleted = operation === 'deleted';
    this.rows.set(key, { collection, documentId, revision, position, time: this.#time, deleted, back, body });
    const event: KnownEvent = {
      position,
      line,
      collection,
      documentId,
      revision,
      time: this.#time,
      operation,
      actor,
      type,
      eventId,
      correlationId: options.correlationId,
      idempotencyKey: options.idempotencyKey,
      transaction: options.transaction,
      body,
      back,
      chain: this.#chain,
      erased,
    };
    this.events.push(event);
    return event;
  }

  /** Events of many documents, some with long and some with non-ASCII content. */
  addMany(count: number, bodyBytes = 200): readonly KnownEvent[] {
    return Array.from({ length: count }, () => {
      const documentId = `document-${Math.floor(this.#random() * 20)}`;
      const isLong = this.#random() < 0.02;
      const text = this.#text(Math.floor(this.#random() * bodyBytes * (isLong ? 20 : 1)));
      const body = JSON.stringify({ text, harbour: this.#random() < 0.2 ? 'Γάϊος ⚓' : 'Gaios' });
      return this.add({ documentId, body, operation: this.#random() < 0.1 ? 'deleted' : 'replaced' });
    });
  }

  #text(length: number): string {
    const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_';
    let text = '';
    for (let at = 0; at < length; at++) text += letters[Math.floor(this.#random() * 64)];
    return text;
  }
}
