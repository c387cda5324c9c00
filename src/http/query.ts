import type { Request } from 'express';
import { z } from 'zod';
import { plainly } from './plain-words.ts';
import { invalidParameter, Refusal } from './refusal.ts';

/** Parameters that a later version answers: refused by name, so that nobody takes an unfiltered page for a filtered one. */
const plannedParameters: ReadonlySet<string> = new Set(['filter', 'sort', 'fields', 'at', 'explain']);

/** Whether a request has a query string at all; hot routes ask before they parse. */
export function hasQuery(request: Request): boolean {
  return request.url.includes('?');
}

/**
 * The query string by a schema that knows every parameter.
 * @throws Refusal `invalid-parameter`: unknown, repeated, or not as the schema wants it
 */
export function parseQuery<Schema extends z.ZodType>(request: Request, schema: Schema): z.output<Schema> {
  const parameters = readParameters(request.url);
  const parsed = schema.safeParse(parameters);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  if (unknown !== undefined) {
    const fate = plannedParameters.has(unknown) ? 'is not supported in this version' : 'is not known here';
    throw invalidParameter(unknown, `the parameter ${shown(unknown)} ${fate}`);
  }
  const parameter = String(issue?.path[0] ?? '');
  const words = issue === undefined ? 'is not valid' : plainly(issue, parameters);
  throw invalidParameter(parameter, `the parameter ${shown(parameter)} ${words}`);
}

const noParameters = z.strictObject({});

/** For routes without parameters. @throws Refusal `invalid-parameter` */
export function requireNoQuery(request: Request): void {
  if (hasQuery(request)) parseQuery(request, noParameters);
}

function readParameters(url: string): Record<string, string> {
  // A null prototype: `__proto__` is a name like any other.
  const parameters: Record<string, string> = Object.create(null);
  const mark = url.indexOf('?');
  if (mark === -1 || mark === url.length - 1) return parameters;
  for (const part of url.slice(mark + 1).split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals === -1 ? part : part.slice(0, equals));
    if (Object.hasOwn(parameters, name)) throw invalidParameter(name, `the parameter ${shown(name)} is given twice`);
    parameters[name] = equals === -1 ? '' : decode(part.slice(equals + 1));
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new Refusal('malformed-request', 'the query string has bad percent-encoding');
  }
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
