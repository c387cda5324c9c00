import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { HttpSettings } from './http-services.ts';
import { Refusal } from './refusal.ts';

/**
 * Refuses a `Host` that is neither an address nor a configured name, so that a web page whose name was made to point
 * to this machine (DNS rebinding) reads and writes nothing.
 */
export function hostCheck({ hosts }: HttpSettings) {
  const names = new Set(hosts.map((host) => host.toLowerCase()));
  /** Passed last: the same one comes all the time. */
  let passed: string | undefined;
  return ({ headers: { host } }: IncomingMessage): Refusal | undefined => {
    // HTTP/1.0 may leave it out: no browser does.
    if (host === undefined || host === passed) return undefined;
    if (!isOurs(host, names))
      return new Refusal('wrong-cluster', 'the Host of the request is not a name of this server');
    passed = host;
    return undefined;
  };
}

function isOurs(host: string, names: ReadonlySet<string>): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{0,5})?$/.exec(host) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  return plain !== undefined && (isIP(plain) === 4 || names.has(plain.toLowerCase()));
}
