import { LoggosError } from '../../base/errors.ts';

/** Rot in the checkpoint's history: never answered, always reported with the file and what is wrong. */
export function damagedFile(name: string, what: string, position?: number): LoggosError {
  const at = position === undefined ? '' : ` at position ${position}`;
  const facts = position === undefined ? { file: name } : { file: name, position };
  return new LoggosError('checkpoint-damaged', `The history file ${name} is damaged${at}: ${what}.`, facts);
}

/** A position that is committed and that no file holds. */
export function missingPosition(position: number): LoggosError {
  return new LoggosError('checkpoint-damaged', `No history file holds position ${position}.`, { position });
}
