import type { IncomingMessage } from 'node:http';
import { mediaTypes } from '../api/headers.ts';
import { type ReadJson, readStrictJson } from '../base/strict-json.ts';
import type { Database } from './database.ts';
import { ClientGone, Refusal } from './refusal.ts';

const noBytes = new Uint8Array(0);

/**
 * The raw bytes of a body.
 * @throws Refusal `body-too-large` without reading on, `unsupported-media-type` for a compressed one
 */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const { headers } = request;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return Promise.reject(
      new Refusal('unsupported-media-type', 'compressed bodies are not taken', {
        headers: { 'Accept-Encoding': 'identity' },
      }),
    );
  }
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    return Promise.resolve(noBytes);
  }
  if (Number(headers['content-length'] ?? 0) > bytesMax) return Promise.reject(tooLarge(bytesMax));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    request.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        request.pause();
        reject(tooLarge(bytesMax));
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)));
    // Also what comes of a client that hangs up, and of one that is too slow.
    request.on('error', () => reject(new ClientGone()));
  });
}

/** The connection closes, since the rest of the body is not read. */
export function tooLarge(bytesMax: number): Refusal {
  return new Refusal('body-too-large', `the body has more than ${bytesMax} bytes`, {
    facts: { limit: bytesMax },
    headers: { Connection: 'close' },
  });
}

/** The value of a JSON body, by the strict door. */
export function parseBody(bytes: Uint8Array, database: Database): unknown {
  return readJsonBody(bytes, database).value;
}

/** As `parseBody`, with the text that it came as. */
export function readJsonBody(bytes: Uint8Array, database: Database): ReadJson {
  if (bytes.length === 0) throw new Refusal('malformed-json', 'the body is empty');
  return readStrictJson(bytes, database.limits);
}

/** The media type of a body in lower case; undefined where none is given. A charset must be UTF-8. */
export function bodyType(request: IncomingMessage, accepted: Readonly<Record<string, string>>): string | undefined {
  const header = request.headers['content-type'];
  if (header === undefined || header === mediaTypes.json) return header;
  const [type, ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  for (const parameter of parameters) {
    if (parameter.startsWith('charset=') && !/^charset="?utf-?8"?$/.test(parameter)) {
      throw new Refusal('unsupported-media-type', 'bodies are UTF-8', { headers: accepted });
    }
  }
  return type;
}

/** Whether a media type is JSON: `application/json` or any `+json` that is not a patch. */
function isJson(type: string): boolean {
  if (type === mediaTypes.json) return true;
  return type.endsWith('+json') && type !== mediaTypes.mergePatch && type !== mediaTypes.jsonPatch;
}

const acceptPut = { Accept: mediaTypes.json };
const acceptPost = { 'Accept-Post': mediaTypes.json };

/** A PUT may leave the type out (`curl -T`). @throws Refusal `unsupported-media-type` */
export function requirePutType(request: IncomingMessage): void {
  const type = bodyType(request, acceptPut);
  if (type === undefined || isJson(type)) return;
  throw new Refusal('unsupported-media-type', 'a document is JSON: send Content-Type: application/json, or none', {
    headers: acceptPut,
    advice: 'It is taken as UTF-8 and not compressed; the `Accept` header of this answer says the type.',
  });
}

/** A POST must say JSON, so that no web page can write by a simple form. @throws Refusal `unsupported-media-type` */
export function requirePostType(request: IncomingMessage): void {
  const type = bodyType(request, acceptPost);
  if (type !== undefined && isJson(type)) return;
  throw new Refusal('unsupported-media-type', 'a POST needs Content-Type: application/json', { headers: acceptPost });
}

/** A POST that has no body needs no type, unless a web page of another origin sends it. */
export function requirePostWithoutBody(request: IncomingMessage): void {
  const { headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const isForeign = headers.origin !== undefined && headers.origin.replace(/^https?:\/\//, '') !== headers.host;
  if (hasBody || isForeign || headers['content-type'] !== undefined) requirePostType(request);
}
