import type { Random } from '../base/random.ts';

/** 32 lower-case hexadecimal digits: a cluster, history or snapshot transfer id. */
export function randomId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}

/** 16 lower-case hexadecimal digits: the incarnation of a data directory. */
export function randomIncarnation(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex');
}
