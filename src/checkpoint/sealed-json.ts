import { createHash } from 'node:crypto';
import { type ErrorCode, LoggosError } from '../base/errors.ts';

/*
 * A small JSON file that proves itself: its last member, `seal`, is the SHA-256 (base64url) of the bytes before
 * `,"seal"`, and a line end follows. The manifest, group.json, CURRENT, identity.json and the checkpoint's
 * configuration are such files. Nothing is canonicalised: only what the printer printed is taken.
 */

const sealMember = /^,"seal":"([A-Za-z0-9_-]{43})"\}\n$/;
const sealMemberBytes = ',"seal":""}\n'.length + 43;

/** Prints a body with its seal. The body's members keep their order. */
export function printSealed(body: Readonly<Record<string, unknown>>): Uint8Array {
  const head = JSON.stringify(body).slice(0, -1);
  return new TextEncoder().encode(`${head},"seal":"${sealOf(head)}"}\n`);
}

/**
 * Takes a sealed file apart. Duplicate members, white space and anything else that `printSealed` does not print is
 * refused too, so that what was hashed is what is read.
 * @param what - the file, for the message
 * @throws LoggosError `code`
 */
export function readSealed(
  bytes: Uint8Array,
  what: string,
  code: ErrorCode,
): { readonly body: Readonly<Record<string, unknown>>; readonly seal: string } {
  const refuse = (why: string, cause?: unknown) => new LoggosError(code, `${what} ${why}`, {}, cause);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const end = text.slice(-sealMemberBytes);
  const head = text.slice(0, -sealMemberBytes);
  const seal = sealMember.exec(end)?.[1];
  if (seal === undefined) throw refuse('has no seal at its end');
  if (sealOf(head) !== seal) throw refuse('does not match its seal');
  let body: unknown;
  try {
    body = JSON.parse(`${head}}`);
  } catch (error) {
    throw refuse('is not JSON', error);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refuse('is not an object');
  const fields = body as Readonly<Record<string, unknown>>;
  if (Buffer.compare(printSealed(fields), bytes) !== 0) throw refuse('is not printed as Loggos prints it');
  return { body: fields, seal };
}

function sealOf(head: string): string {
  return createHash('sha256').update(head, 'utf8').digest('base64url');
}
