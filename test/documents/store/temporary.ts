import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import type { Disk } from '../../../src/base/disk.ts';
import type { CheckpointStore } from '../../../src/documents/store/checkpoint-store.ts';
import { InThreadCheckpointStore } from '../../../src/documents/store/in-thread-store.ts';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';
import { historyId } from './model.ts';

const made: string[] = [];
after(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

/** A directory of its own, gone after the file's tests. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-store-'));
  made.push(directory);
  return directory;
}

export function copyOf(directory: string): string {
  const copy = temporaryDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

export function storeIn(directory: string, disk: Disk = new SyncDisk()): InThreadCheckpointStore {
  return new InThreadCheckpointStore({ directory, historyId, disk, hashes: systemHashes });
}

/** Executes values from the instance behind `afterInstance` on, ending transactions where the digest is recorded. */
export async function executeValues(
  store: CheckpointStore,
  values: readonly (MachineValue | undefined)[],
  afterInstance = 0,
): Promise<Uint8Array[]> {
  const fingerprints: Uint8Array[] = [];
  for (let at = 0; at < values.length; ) {
    const boundary = 1_000 - ((afterInstance + at) % 1_000);
    const some = values.slice(at, at + Math.min(boundary, 100));
    const items = some.map((value, index) => ({ instance: afterInstance + at + index + 1, value }));
    fingerprints.push(...(await store.execute(items)));
    at += some.length;
    if ((afterInstance + at) % 1_000 === 0) await store.commit();
  }
  return fingerprints;
}

/** A closed checkpoint with these values. */
export async function checkpointWith(values: readonly (MachineValue | undefined)[]): Promise<string> {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  await store.open();
  await executeValues(store, values);
  await store.commit();
  await store.close();
  return directory;
}

/** Changes a closed checkpoint's database behind its back. */
export function tamper(directory: string, statement: string, ...parameters: (string | number | Uint8Array)[]): void {
  const database = new DatabaseSync(`${directory}/documents.sqlite`);
  const changes = database.prepare(statement).run(...parameters).changes;
  database.close();
  if (changes === 0) throw new Error(`nothing was changed by ${statement}`);
}

/** The lines of all history files, in order; one frame a sealed file is enough for what tests write. */
export function historyText(directory: string): string {
  const history = `${directory}/history`;
  return readdirSync(history)
    .sort()
    .map((name) => readFileSync(`${history}/${name}`))
    .map((bytes) => (bytes.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(bytes) : bytes).toString('utf8'))
    .join('');
}
