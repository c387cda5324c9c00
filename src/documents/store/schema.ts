import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { DedupeEntry, DocumentRow, MachineState } from '../machine/types.ts';

/**
 * The one definition of `documents.sqlite`, format 1: its tables, and what stands in their columns. Rows of documents
 * carry the hash that is also their term in the digest; all other rows carry a CRC-32 over key and content.
 */
export const checkpointFormat = 1;
export const databaseFile = 'documents.sqlite';
export const historyDirectory = 'history';

/** The digest is recorded at each multiple of it, and a transaction ends there. */
export const digestInterval = 1_000;

// Keys compare as UTF-8 bytes: SQLite's BINARY collation is memcmp on the stored text.
const tables = `
create table documents(
  collection text not null, id text not null, revision integer not null, position integer not null,
  time integer not null, deleted integer not null, back text not null, body text not null, hash blob not null,
  primary key(collection, id)
) strict, without rowid;
create table dedupe(
  actor text not null, key text not null, line integer not null, ordinal integer not null, time integer not null,
  instance integer not null, position integer not null, outcome text not null, requestHash blob not null,
  result text not null, crc integer not null,
  primary key(actor, key, line)
) strict, without rowid;
create unique index dedupeByOrdinal on dedupe(ordinal);
create table digests(
  instance integer primary key, position integer not null, chain blob not null, digest blob not null, crc integer not null
) strict;
create table meta(key text primary key, value text not null, crc integer not null) strict, without rowid;
`;

/** The keys of `meta`. `historyEnd` is history's own text: lines beyond it were never committed. */
export const metaKeys = { format: 'format', checkpoint: 'checkpoint', historyEnd: 'historyEnd' } as const;

/** What the commit states, in the `meta` row `checkpoint`. */
export interface CommittedCheckpoint {
  readonly state: MachineState;
  readonly digest: Uint8Array;
  readonly documentCount: number;
}

/** A digest as recorded at an instance. */
export interface RecordedDigest {
  readonly instance: number;
  readonly position: number;
  readonly chain: Uint8Array;
  readonly digest: Uint8Array;
}

export function createTables(database: DatabaseSync): void {
  database.exec(tables);
}

/** Columns of a document's row without its hash, in the order in which `documentOf` takes them. */
const contentColumns = 'revision, position, time, deleted, back, body, hash';
const documentColumns = `collection, id, ${contentColumns}`;

export const sql = {
  readDocument: `select ${contentColumns} from documents where collection = ? and id = ?`,
  writeDocument: `replace into documents(${documentColumns}) values(?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  pageOfCollection: `select ${documentColumns} from documents where collection = ? and id > ? order by id limit ?`,
  firstOfCollection: `select ${documentColumns} from documents where collection = ? order by id limit ?`,
  allDocuments: `select ${documentColumns} from documents order by collection, id`,
  documentsAfter: `select ${documentColumns} from documents where (collection, id) > (?, ?) order by collection, id`,
  readDedupe: 'select * from dedupe where actor = ? and key = ? and line = ?',
  writeDedupe: 'replace into dedupe values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  oldestDedupe: 'select ordinal, time from dedupe order by ordinal limit ?',
  dropDedupeTo: 'delete from dedupe where ordinal <= ?',
  dedupeAfter: 'select * from dedupe where ordinal > ? order by ordinal',
  readDigest: 'select * from digests where instance = ?',
  writeDigest: 'replace into digests values(?, ?, ?, ?, ?)',
  digestBelow: 'select instance from digests where instance <= ? order by instance desc limit 1',
  digestAbove: 'select instance from digests where instance >= ? order by instance limit 1',
  digestsAfter: 'select * from digests where instance > ? order by instance',
  readMeta: 'select * from meta where key = ?',
  allMeta: 'select * from meta',
  writeMeta: 'replace into meta values(?, ?, ?)',
} as const;

/** A row as read, with the hash that stands beside it (not yet compared). */
export interface StoredDocument {
  readonly row: DocumentRow;
  readonly hash: Uint8Array;
}

/** Of a row read with its key. */
export function documentOf(columns: unknown): StoredDocument {
  const [collection, documentId, ...content] = list(columns);
  return documentWithKey(text(collection), text(documentId), content);
}

/** Of a row read by its key; the hash beside it covers the key too. */
export function documentWithKey(collection: string, documentId: string, columns: unknown): StoredDocument {
  const [revision, position, time, deleted, back, body, hash] = list(columns);
  return {
    row: {
      collection,
      documentId,
      revision: integer(revision),
      position: integer(position),
      time: integer(time),
      deleted: flag(deleted),
      back: positionsOf(text(back)),
      body: text(body),
    },
    hash: bytes(hash),
  };
}

export function documentParameters(row: DocumentRow, hash: Uint8Array): SQLInputValue[] {
  return [
    row.collection,
    row.documentId,
    row.revision,
    row.position,
    row.time,
    row.deleted ? 1 : 0,
    row.back.join(','),
    row.body,
    hash,
  ];
}

/** @throws LoggosError `checkpoint-damaged` */
export function dedupeOf(columns: unknown, hashes: Hashes): DedupeEntry {
  const [actor, key, line, ordinal, time, instance, position, outcome, requestHash, result, crc] = list(columns);
  const entry: DedupeEntry = {
    actor: text(actor),
    key: text(key),
    line: integer(line),
    ordinal: integer(ordinal),
    time: integer(time),
    instance: integer(instance),
    position: integer(position),
    outcome: text(outcome) === 'applied' ? 'applied' : 'rejected',
    requestHash: bytes(requestHash),
    result: text(result),
  };
  if (crcOf(hashes, dedupeContent(entry, text(outcome))) !== crc) damaged('a dedupe row does not match its checksum');
  return entry;
}

export function dedupeParameters(entry: DedupeEntry, hashes: Hashes): SQLInputValue[] {
  const { actor, key, line, ordinal, time, instance, position, outcome, requestHash, result } = entry;
  const crc = crcOf(hashes, dedupeContent(entry, outcome));
  return [actor, key, line, ordinal, time, instance, position, outcome, requestHash, result, crc];
}

function dedupeContent(entry: DedupeEntry, outcome: string): unknown[] {
  const { actor, key, line, ordinal, time, instance, position, requestHash, result } = entry;
  return [actor, key, line, ordinal, time, instance, position, outcome, base64url(requestHash), result];
}

/** @throws LoggosError `checkpoint-damaged` */
export function digestOf(columns: unknown, hashes: Hashes): RecordedDigest {
  const [instance, position, chain, digest, crc] = list(columns);
  const recorded = {
    instance: integer(instance),
    position: integer(position),
    chain: bytes(chain),
    digest: bytes(digest),
  };
  if (crcOf(hashes, digestContent(recorded)) !== crc) damaged('a recorded digest does not match its checksum');
  return recorded;
}

export function digestParameters(recorded: RecordedDigest, hashes: Hashes): SQLInputValue[] {
  const { instance, position, chain, digest } = recorded;
  return [instance, position, chain, digest, crcOf(hashes, digestContent(recorded))];
}

function digestContent({ instance, position, chain, digest }: RecordedDigest): unknown[] {
  return [instance, position, base64url(chain), base64url(digest)];
}

/** @throws LoggosError `checkpoint-damaged` */
export function metaOf(columns: unknown, hashes: Hashes): string {
  const [key, value, crc] = list(columns);
  if (crcOf(hashes, [key, value]) !== crc) damaged('a meta row does not match its checksum');
  return text(value);
}

export function metaParameters(key: string, value: string, hashes: Hashes): SQLInputValue[] {
  return [key, value, crcOf(hashes, [key, value])];
}

export function printCommitted({ state, digest, documentCount }: CommittedCheckpoint): string {
  const { instance, time, position, chain, fingerprint, dedupeOrdinal, histories, settings } = state;
  return JSON.stringify({
    checkpointInstance: instance,
    time,
    position,
    chain: base64url(chain),
    fingerprint: base64url(fingerprint),
    digest: base64url(digest),
    documentCount,
    dedupeOrdinal,
    histories,
    settings,
  });
}

export function parseCommitted(value: string): CommittedCheckpoint {
  // The row's checksum was compared: these are the fields that `printCommitted` printed.
  const fields = JSON.parse(value) as Record<string, unknown>;
  return {
    state: {
      instance: integer(fields.checkpointInstance),
      time: integer(fields.time),
      position: integer(fields.position),
      chain: hashOf(fields.chain),
      fingerprint: hashOf(fields.fingerprint),
      dedupeOrdinal: integer(fields.dedupeOrdinal),
      histories: fields.histories as MachineState['histories'],
      settings: fields.settings as MachineState['settings'],
    },
    digest: hashOf(fields.digest),
    documentCount: integer(fields.documentCount),
  };
}

export function base64url(bytesOf: Uint8Array): string {
  return Buffer.from(bytesOf.buffer, bytesOf.byteOffset, bytesOf.byteLength).toString('base64url');
}

/** @throws LoggosError `directory-unusable`: another release wrote it */
export function checkFormat(format: string | undefined): void {
  if (format === String(checkpointFormat)) return;
  throw new LoggosError(
    'directory-unusable',
    `The checkpoint has format ${format}; this release reads ${checkpointFormat}.`,
  );
}

/** @throws LoggosError `checkpoint-damaged`, always */
export function damaged(what: string): never {
  throw new LoggosError('checkpoint-damaged', `The checkpoint is damaged: ${what}.`);
}

const encoder = new TextEncoder();

function crcOf(hashes: Hashes, content: readonly unknown[]): number {
  return hashes.crc32(encoder.encode(JSON.stringify(content)));
}

function positionsOf(printed: string): number[] {
  return printed === '' ? [] : printed.split(',').map((position) => integer(Number(position)));
}

function hashOf(value: unknown): Uint8Array {
  const decoded = new Uint8Array(Buffer.from(text(value), 'base64url'));
  if (decoded.byteLength !== 32) damaged('a hash has another length');
  return decoded;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return damaged('a row is not there');
  return value;
}

function integer(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return damaged('a number is not a safe integer');
  return value;
}

function flag(value: unknown): boolean {
  if (value !== 0 && value !== 1) return damaged('a flag is neither 0 nor 1');
  return value === 1;
}

function text(value: unknown): string {
  if (typeof value !== 'string') return damaged('a text is not a text');
  return value;
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) return damaged('bytes are not bytes');
  return value;
}
