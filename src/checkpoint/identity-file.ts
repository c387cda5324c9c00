import { dirname } from 'node:path';
import * as z from 'zod';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { readSmallFile, replaceFile } from './files.ts';
import { printSealed, readSealed } from './sealed-json.ts';

export const identityFileName = 'identity.json';

/** Who a data directory is. Durable before its replica's first word. */
export interface Identity {
  readonly clusterId: string;
  /** From 1. */
  readonly replicaId: number;
  readonly name: string;
  /** 16 lower-case hexadecimal digits, of this directory alone. */
  readonly incarnation: string;
}

const identityBody = z.strictObject({
  format: z.literal(1),
  clusterId: z.string().min(1).max(128),
  replicaId: z.int().min(1),
  name: z.string().min(1).max(256),
  incarnation: z.string().regex(/^[0-9a-f]{16}$/),
});

/** Undefined where there is none. @throws LoggosError `directory-unusable` where it is damaged or of another format */
export async function readIdentity(disk: Disk, dataDirectory: string): Promise<Identity | undefined> {
  const path = `${dataDirectory}/${identityFileName}`;
  const bytes = await readSmallFile(disk, path, 64 * 1024);
  if (bytes === undefined) return undefined;
  const { body } = readSealed(bytes, path, 'directory-unusable');
  const parsed = identityBody.safeParse(body);
  if (!parsed.success) {
    throw new LoggosError('directory-unusable', `${path} is not one of format 1: ${z.prettifyError(parsed.error)}`);
  }
  const { clusterId, replicaId, name, incarnation } = parsed.data;
  return { clusterId, replicaId, name, incarnation };
}

/** Replaces it whole and durably; the data directory itself, which may be new, is durable with it. */
export async function writeIdentity(disk: Disk, dataDirectory: string, identity: Identity): Promise<void> {
  const { clusterId, replicaId, name, incarnation } = identity;
  const bytes = printSealed({ format: 1, clusterId, replicaId, name, incarnation });
  await replaceFile(disk, dataDirectory, identityFileName, bytes);
  await disk.syncDirectory(dirname(dataDirectory));
}
