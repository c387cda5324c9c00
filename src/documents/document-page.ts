import type { DocumentVersion } from './document-reader.ts';
import type { DocumentWalk } from './document-walk.ts';
import type { CheckpointReader } from './store/checkpoint-reader.ts';

/** Rows looked at for one page, and rows asked for at once. */
const ROWS_MAX = 10_000;
const BATCH_ROWS_MAX = 100;
/** Of bodies; a page ends with the document that reaches it. */
const PAGE_BYTES_MAX = 16 * 1024 * 1024;

export interface PageRequest {
  readonly afterId?: string;
  readonly limit: number;
  readonly pinned: number;
}

export interface DocumentPage {
  readonly items: readonly DocumentVersion[];
  readonly nextAfterId?: string;
}

/**
 * A page of a collection as of a position that the checkpoint has reached. Rows that changed later are looked up as
 * they were; deleted documents keep their rows, so none is missed and none comes twice.
 */
export async function readPage(
  checkpoint: CheckpointReader,
  walk: DocumentWalk,
  collection: string,
  { afterId, limit, pinned }: PageRequest,
): Promise<DocumentPage> {
  const items: DocumentVersion[] = [];
  let lookedTo = afterId;
  let bytes = 0;
  for (let rowCount = 0; ; ) {
    // One more than fits: it tells whether there is anything behind the page.
    const countMax = Math.min(BATCH_ROWS_MAX, limit - items.length + 1);
    const rows = await checkpoint.rows(collection, lookedTo, countMax);
    if (rows.length === 0) return { items };
    const versions = await Promise.all(rows.map((row) => walk.versionOf(row, { positionMax: pinned })));
    for (const [index, row] of rows.entries()) {
      if (items.length >= limit || bytes >= PAGE_BYTES_MAX || rowCount >= ROWS_MAX) {
        return lookedTo === undefined ? { items } : { items, nextAfterId: lookedTo };
      }
      const version = versions[index];
      if (version?.deleted === false) {
        items.push(version);
        bytes += version.body.length;
      }
      lookedTo = row.documentId;
      rowCount++;
    }
  }
}
