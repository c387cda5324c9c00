import * as z from 'zod';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Member } from '../paxos/chosen-value.ts';
import { readSmallFile, replaceFile } from './files.ts';
import { printSealed, readSealed } from './sealed-json.ts';

const foundersFileName = 'founders.json';

/** A founding member of a group, as its replicas were told of it. */
export type Founder = Pick<Member, 'id' | 'name' | 'address'>;

const foundersBody = z.strictObject({
  format: z.literal(1),
  founders: z.array(z.strictObject({ id: z.int().min(1), name: z.string().min(1), address: z.string().min(1) })).min(1),
});

/**
 * Who forms the group that a data directory belongs to: what its first start was told, so that later ones form no other.
 * Undefined: it was told of nobody else. @throws LoggosError `directory-unusable`
 */
export async function readFounders(disk: Disk, dataDirectory: string): Promise<readonly Founder[] | undefined> {
  const path = `${dataDirectory}/${foundersFileName}`;
  const bytes = await readSmallFile(disk, path, 64 * 1024);
  if (bytes === undefined) return undefined;
  const { body } = readSealed(bytes, path, 'directory-unusable');
  const parsed = foundersBody.safeParse(body);
  if (parsed.success) return parsed.data.founders;
  throw new LoggosError('directory-unusable', `${path} is not one of format 1: ${z.prettifyError(parsed.error)}`);
}

/** Replaces it whole and durably. */
export function writeFounders(disk: Disk, dataDirectory: string, founders: readonly Founder[]): Promise<void> {
  const listed = founders.map(({ id, name, address }) => ({ id, name, address }));
  return replaceFile(disk, dataDirectory, foundersFileName, printSealed({ format: 1, founders: listed }));
}
