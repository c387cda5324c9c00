import type { IncomingMessage } from 'node:http';
import { invalidParameter, Refusal } from './refusal.ts';

/** `http://authority/path`: what a proxy is sent. */
const absoluteForm = /^https?:\/\/([^/?#]*)([^#]*)/i;

/**
 * What Node's parser lets pass and RFC 9110 does not: HTTP/1.1 without `Host`, and headers that may be given once and
 * were given twice, of which Node would take one and drop the other. A target in absolute form is made a plain one:
 * its authority is the host, whatever `Host` says.
 * @returns undefined where the head is sound
 */
export function headFlaw(request: IncomingMessage): Refusal | undefined {
  const { rawHeaders } = request;
  let hosts = 0;
  let types = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 12 && name.toLowerCase() === 'content-type') types++;
  }
  if (hosts > 1) return new Refusal('malformed-request', 'Host is given more than once');
  if (types > 1) return new Refusal('malformed-request', 'Content-Type is given more than once');
  if (hosts === 0 && request.httpVersion === '1.1') {
    return new Refusal('malformed-request', 'an HTTP/1.1 request needs a Host header');
  }
  const { url = '' } = request;
  if (!url.startsWith('/')) takeAuthority(request, url);
  return undefined;
}

function takeAuthority(request: IncomingMessage, url: string): void {
  const [, authority, rest = ''] = absoluteForm.exec(url) ?? [];
  if (authority === undefined) return;
  request.headers.host = authority;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
}

/**
 * A header that may be given once. Node joins repeated ones with a comma: only where there is one, it is counted.
 * @param shown - its name as a refusal writes it
 * @throws Refusal `invalid-parameter`
 */
export function singleHeader(request: IncomingMessage, name: string, shown: string): string | undefined {
  const value = request.headers[name];
  if (value === undefined) return undefined;
  const text = String(value);
  if (text.includes(',')) {
    const { rawHeaders } = request;
    let count = 0;
    for (let index = 0; index < rawHeaders.length; index += 2) if (rawHeaders[index]?.toLowerCase() === name) count++;
    if (count > 1) throw invalidParameter(shown, `${shown} is given more than once`);
  }
  return text;
}
