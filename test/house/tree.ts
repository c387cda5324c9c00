import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file of the repository, by its path from the root. */
export function readText(path: string): string {
  return readFileSync(`${root}/${path}`, 'utf8');
}

/** Every file below a folder, by path from the root. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(root.length).replace(/^\//, '')}/${entry.name}`)
    .sort();
}

export function foldersIn(folder: string): readonly string[] {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
