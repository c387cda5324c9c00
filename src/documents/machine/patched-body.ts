import { LoggosError } from '../../base/errors.ts';
import { printJson } from '../../base/strict-json.ts';
import { applyPatch } from './json-patch.ts';
import { type DocumentLimits, isObject, tooLarge } from './json-value.ts';
import { applyMergePatch } from './merge-patch.ts';
import { utf8Length } from './utf8-length.ts';

/**
 * A row's body after a patch.
 * @param patch - the patch's JSON as the payload has it
 * @throws LoggosError as `applyPatch` and `applyMergePatch`; `not-an-object`; `document-too-large` (bytes too)
 */
export function patchedBody(body: string, kind: 'merge' | 'patch', patch: string, limits: DocumentLimits): string {
  const document = parse(body, 'patch-not-applicable', 'The document is not JSON.');
  const change = parse(patch, 'malformed-patch', 'The patch is not JSON.');
  const result = kind === 'merge' ? applyMergePatch(document, change, limits) : applyPatch(document, change, limits);
  if (!isObject(result)) throw new LoggosError('not-an-object', 'A document is a JSON object, after a patch too.');
  const text = printJson(result);
  assertBodyFits(text, limits.documentBytesMax);
  return text;
}

/** @throws LoggosError `document-too-large` */
export function assertBodyFits(body: string, documentBytesMax: number): void {
  // One UTF-16 unit is at most three bytes.
  if (body.length * 3 <= documentBytesMax || utf8Length(body) <= documentBytesMax) return;
  throw tooLarge(`A document may have ${documentBytesMax} bytes.`, documentBytesMax);
}

/** Only a damaged proposal comes to the error: the door prints what it has parsed. */
function parse(json: string, code: 'patch-not-applicable' | 'malformed-patch', message: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new LoggosError(code, message);
  }
}
