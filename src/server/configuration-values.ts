import { z } from 'zod';
import { parseAddress } from '../base/address.ts';

/** Parsers of what people write in settings: each takes text and says in words what is wrong. */

const units: Readonly<Record<string, number>> = { '': 1, b: 1, kib: 1 << 10, mib: 1 << 20, gib: 1 << 30 };
const times: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`, or a port alone. */
export const address = z.string().transform((text, context) => {
  const parsed = parseAddress(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: 'an address is host:port, such as 127.0.0.1:8080' });
  return z.NEVER;
});

/** A list with commas between; empty text is none. */
export const names = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
);

/** Empty text is none. */
export const optionalAddress = z
  .string()
  .transform((text) => (text === '' ? undefined : text))
  .pipe(z.optional(address));

/** `gaios=10.0.0.1:7000,lakka=10.0.0.2:7000`; each name once, each port from 1. */
export const namedAddresses = z.string().transform((text, context) => {
  const listed = names.parse(text);
  const known = listed.flatMap((entry) => {
    const [, name = '', rest = ''] = /^([a-z0-9][a-z0-9-]{0,31})=(.*)$/.exec(entry) ?? [];
    const parsed = parseAddress(rest);
    return parsed === undefined || parsed.port === 0 ? [] : [{ name, ...parsed }];
  });
  if (new Set(known.map(({ name }) => name)).size === listed.length) return known;
  context.addIssue({
    code: 'custom',
    message: 'name=host:port with commas between, each name once, such as gaios=10.0.0.1:7000,lakka=10.0.0.2:7000',
  });
  return z.NEVER;
});

/** `64MiB`, `4096`. Inclusive bounds, in bytes. */
export function bytes(bytesMin: number, bytesMax: number): z.ZodType<number> {
  return quantity(units, bytesMin, bytesMax, `a size from ${bytesMin} to ${bytesMax} bytes, such as 64MiB`);
}

/** A whole number. Inclusive bounds. */
export function count(minimum: number, maximum: number): z.ZodType<number> {
  return quantity({ '': 1 }, minimum, maximum, `a number from ${minimum} to ${maximum}`);
}

/** `5s`, `250ms`; a number alone is milliseconds. Inclusive bounds, in milliseconds. */
export function duration(msMin: number, msMax: number): z.ZodType<number> {
  return quantity(times, msMin, msMax, `a time from ${msMin} to ${msMax} ms, such as 5s`);
}

/** On, off. */
export const flag = z.string().transform((text, context) => {
  if (['true', '1', 'yes', 'on'].includes(text)) return true;
  if (['false', '0', 'no', 'off', ''].includes(text)) return false;
  context.addIssue({ code: 'custom', message: 'true or false' });
  return z.NEVER;
});

function quantity(
  factors: Readonly<Record<string, number>>,
  minimum: number,
  maximum: number,
  expected: string,
): z.ZodType<number> {
  return z.string().transform((text, context) => {
    const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]*)$/.exec(text);
    const factor = factors[match?.[2]?.toLowerCase() ?? '-'];
    const value = factor === undefined ? Number.NaN : Math.round(Number(match?.[1]) * factor);
    if (value >= minimum && value <= maximum) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}
