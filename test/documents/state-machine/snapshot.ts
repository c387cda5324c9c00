import { copyFileSync, linkSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DocumentStateMachine } from '../../../src/documents/document-state-machine.ts';
import type { CheckpointFile } from '../../../src/statemachine/state-machine.ts';

/** Copies the files of a locked checkpoint as a sealer does. */
export async function copyCheckpoint(machine: DocumentStateMachine, to: string): Promise<number> {
  const lock = await machine.lockCheckpointState();
  try {
    const { directory, files } = await machine.checkpointState(lock);
    for (const file of files) {
      mkdirSync(dirname(`${to}/${file.name}`), { recursive: true });
      if (file.copyTo !== undefined) await file.copyTo(`${to}/${file.name}`);
      else if (file.sealed) linkSync(`${directory}/${file.name}`, `${to}/${file.name}`);
      else copyFileSync(`${directory}/${file.name}`, `${to}/${file.name}`);
    }
    return lock.instance;
  } finally {
    await machine.unlockCheckpointState(lock);
  }
}

/** The files that lie in a directory, as a manifest would list them. */
export function filesIn(directory: string): CheckpointFile[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(`${directory}/${name}`).isFile())
    .map((name) => ({ name, bytes: statSync(`${directory}/${name}`).size, sealed: true }));
}
