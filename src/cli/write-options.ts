import type { Command } from 'commander';
import type { WriteOptions } from '../client/documents.ts';
import { jsonObject, revisionText } from './input.ts';

export interface WriteFlags {
  readonly ifRevision?: string;
  readonly idempotencyKey?: string;
  readonly eventType?: string;
  readonly metadata?: Record<string, unknown>;
}

/**
 * Options of every command that writes.
 * @param mayCreate - the command also makes documents, so that 0 has a meaning
 */
export function withWriteOptions(command: Command, { mayCreate = false } = {}): Command {
  const revision = "only where the document has this revision: its number, or the ETag's text after a restore";
  return command
    .option('--if-revision <revision>', mayCreate ? `${revision}; 0: where there is none` : revision, revisionText)
    .option('--idempotency-key <key>', 'makes a repeated command answer with the first outcome')
    .option('--event-type <type>', 'what happened, in the words of your domain')
    .option('--metadata <json>', 'a JSON object kept with the event', jsonObject);
}

export function writeOptionsOf(flags: WriteFlags): WriteOptions {
  const { ifRevision, idempotencyKey, eventType, metadata } = flags;
  return {
    ...(ifRevision === undefined ? {} : { ifRevision }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(eventType === undefined ? {} : { eventType }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
