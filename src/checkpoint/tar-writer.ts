import type { Disk } from '../base/disk.ts';
import { readBlocks } from './files.ts';
import type { TarLayout } from './tar-layout.ts';

/**
 * The bytes `first` to `last` (inclusive) of a snapshot's tar, read from its directory: nothing is packed again, so a
 * range costs what it is long.
 * @throws DiskError where a file is not what the layout says
 */
export async function* readTar(
  disk: Disk,
  directory: string,
  layout: TarLayout,
  first: number,
  last: number,
): AsyncGenerator<Uint8Array> {
  for (const piece of layout.pieces(first, last)) {
    if (piece.kind === 'bytes') {
      yield piece.bytes;
      continue;
    }
    const path = `${directory}/${piece.name}`;
    const file = await disk.open(path, 'read');
    try {
      yield* readBlocks(file, path, piece.first, piece.last);
    } finally {
      await file.close();
    }
  }
}
