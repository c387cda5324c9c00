import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { readNamedFile } from './files.ts';

/** JSON from the command line: itself, `@file`, or standard input where it is `-` or absent. */
export function readJson(argument: string | undefined): string {
  if (argument === undefined || argument === '-') return readFileSync(0, 'utf8');
  if (!argument.startsWith('@')) return argument;
  return readNamedFile(argument.slice(1));
}

/** An option's number. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('It is a whole number from 0.');
}

/** A document's revision as `--if-revision` takes it: its number, or the text of its ETag. */
export function revisionText(text: string): string {
  if (/^(?:0|[1-9]\d{0,15})(?:-[A-Za-z0-9_-]{1,64})?$/.test(text)) return text;
  throw new InvalidArgumentError("It is a revision's number, or the text of an ETag.");
}

/** A server's address. */
export function serverAddress(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('It is an address such as http://127.0.0.1:8080.');
}

/** An option's JSON object. */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('It is a JSON object.');
}
