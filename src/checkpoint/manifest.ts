import * as z from 'zod';
import { LoggosError } from '../base/errors.ts';
import { printSealed, readSealed } from './sealed-json.ts';

/*
 * The manifest of a snapshot, format 1: what it is exact at, and every file in it with its SHA-256. It comes first in
 * the tar and ends with a seal over its own bytes.
 */

export const manifestName = 'manifest.json';
/** About 200,000 files. */
export const manifestBytesMax = 32 * 1024 * 1024;

export interface ManifestFile {
  /** `group.json`, or `machine-<id>/<name>`. */
  readonly name: string;
  readonly bytes: number;
  /** base64url. */
  readonly sha256: string;
}

export interface ManifestMachine {
  readonly id: number;
  /** base64url. */
  readonly fingerprint: string;
  /** base64url. */
  readonly digest: string;
}

export interface Manifest {
  readonly clusterId: string;
  readonly historyId: string;
  /** The history that this one forked off. */
  readonly parent?: string;
  readonly database: string;
  readonly instance: number;
  readonly position: number;
  /** RFC 3339, UTC, of the last event. */
  readonly time: string;
  /** base64url, of the last event. */
  readonly chain: string;
  /** base64url, of the documents. */
  readonly digest: string;
  readonly files: readonly ManifestFile[];
  readonly machines: readonly ManifestMachine[];
}

/** A manifest as it was read: the bytes are what its seal covers. */
export interface SealedManifest {
  readonly manifest: Manifest;
  readonly seal: string;
  readonly bytes: Uint8Array;
}

/** The only names a snapshot may hold: plain, relative, without `.` and `..`, at most what a plain tar header takes. */
const fileName = /^(?:group\.json|machine-[1-9][0-9]{0,9}(?:\/(?!\.{1,2}(?:\/|$))[a-z0-9._-]{1,100})+)$/;
const nameBytesMax = 200;

export function isSnapshotFileName(name: string): boolean {
  return name.length <= nameBytesMax && fileName.test(name);
}

const hash = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const id = z.string().min(1).max(128);
const manifestBody = z.strictObject({
  format: z.literal(1),
  clusterId: id,
  historyId: id,
  parent: id.optional(),
  database: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
  instance: z.int().min(1),
  position: z.int().min(0),
  time: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  chain: hash,
  digest: hash,
  files: z.array(z.strictObject({ name: z.string().refine(isSnapshotFileName), bytes: z.int().min(0), sha256: hash })),
  machines: z
    .array(
      z.strictObject({
        id: z
          .int()
          .min(1)
          .max(2 ** 31 - 1),
        fingerprint: hash,
        digest: hash,
      }),
    )
    .min(1),
});

/** Prints a manifest with its seal; its members in the order of the format. */
export function printManifest(manifest: Manifest): SealedManifest {
  const { clusterId, historyId, parent, database, instance, position, time, chain, digest } = manifest;
  const bytes = printSealed({
    format: 1,
    clusterId,
    historyId,
    ...(parent === undefined ? {} : { parent }),
    database,
    instance,
    position,
    time,
    chain,
    digest,
    files: manifest.files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    machines: manifest.machines.map(({ id, fingerprint, digest }) => ({ id, fingerprint, digest })),
  });
  // Read back: what is written is what the reader takes.
  return readManifest(bytes);
}

/** @throws LoggosError `snapshot-damaged`, saying what is wrong */
export function readManifest(bytes: Uint8Array): SealedManifest {
  if (bytes.byteLength > manifestBytesMax) throw refuse(`is larger than ${manifestBytesMax} bytes`);
  const { body, seal } = readSealed(bytes, manifestName, 'snapshot-damaged');
  if (body.format !== 1) throw refuse(`is of format ${String(body.format)}; this version reads format 1`);
  const parsed = manifestBody.safeParse(body);
  if (!parsed.success) throw refuse(`is not one of format 1: ${z.prettifyError(parsed.error)}`);
  const { format: _, parent, ...rest } = parsed.data;
  const manifest: Manifest = parent === undefined ? rest : { ...rest, parent };
  checkFiles(manifest);
  return { manifest, seal, bytes };
}

/** Bytes of all files together, without the manifest. */
export function contentBytes(manifest: Manifest): number {
  return manifest.files.reduce((sum, file) => sum + file.bytes, 0);
}

/** A machine's files, by their names below its directory. */
export function machineFiles(manifest: Manifest, machineId: number): readonly ManifestFile[] {
  const prefix = `machine-${machineId}/`;
  return manifest.files
    .filter((file) => file.name.startsWith(prefix))
    .map((file) => ({ ...file, name: file.name.slice(prefix.length) }));
}

function checkFiles(manifest: Manifest): void {
  const names = new Set<string>();
  const machineIds = new Set<number>();
  for (const { id } of manifest.machines) {
    if (machineIds.has(id)) throw refuse(`lists machine ${id} twice`);
    machineIds.add(id);
  }
  for (const { name } of manifest.files) {
    if (names.has(name)) throw refuse(`lists ${name} twice`);
    names.add(name);
    if (name === 'group.json') continue;
    const machineId = Number(name.slice('machine-'.length, name.indexOf('/')));
    if (!machineIds.has(machineId)) throw refuse(`lists ${name}, but no machine ${machineId}`);
  }
  if (!names.has('group.json')) throw refuse('lists no group.json');
  if (!Number.isSafeInteger(contentBytes(manifest))) throw refuse('claims more bytes than there can be');
}

function refuse(why: string): LoggosError {
  return new LoggosError('snapshot-damaged', `${manifestName} ${why}`);
}
