import { DatabaseSync } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';
import { zeroDigest } from '../../../src/documents/machine/digest.ts';
import { initialState } from '../../../src/documents/machine/execute.ts';
import { InThreadCheckpointReader } from '../../../src/documents/store/in-thread-reader.ts';
import { InThreadCheckpointStore } from '../../../src/documents/store/in-thread-store.ts';
import { ModelRows } from '../../../src/simulation/cluster/model-rows.ts';
import { SqliteRowsOnDisk } from '../../../src/simulation/cluster/sqlite-on-disk.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { historyId } from '../../documents/store/model.ts';
import { readerContract } from '../../documents/store/reader-contract.ts';
import { type StoreUnderTest, storeContract } from '../../documents/store/store-contract.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';

const hashes = systemHashes;
const memory = new MemoryDisk();
const disk = memory.mount();
/** Of the store that was made last in a directory: the simulator's views are those of its rows. */
const newest = new Map<string, ModelRows | SqliteRowsOnDisk>();

function kindOf(Rows: typeof ModelRows | typeof SqliteRowsOnDisk): Pick<StoreUnderTest, 'storeOf' | 'historyText'> {
  return {
    storeOf: (directory) => {
      const rows = new Rows({ directory, disk, hashes });
      newest.set(directory, rows);
      return new InThreadCheckpointStore({ directory, historyId, disk, hashes, rows });
    },
    historyText: (directory) =>
      memory
        .files()
        .filter(
          (path) =>
            path.startsWith(`${directory.replace(/^\//, '')}/history/`) || path.startsWith(`${directory}/history/`),
        )
        .map((path) => Buffer.from(memory.bytesOf(path)))
        .map((bytes) => (bytes.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(bytes) : bytes).toString('utf8'))
        .join(''),
  };
}

const first = { state: initialState(historyId), digest: zeroDigest, documentCount: 0 };

storeContract('in maps on a simulated disk', {
  ...kindOf(ModelRows),
  inspectCopy: async (path) => {
    const directory = `${path}-alone`;
    await disk.makeDirectory(directory);
    await disk.link(path, `${directory}/rows`);
    const { committed } = await new ModelRows({ directory, disk, hashes }).open(first);
    return {
      bytes: memory.bytesOf(path).length,
      instance: committed.state.instance,
      documentCount: committed.documentCount,
    };
  },
  rememberedKeys: async (directory) => {
    const rows = new ModelRows({ directory, disk, hashes });
    await rows.open(first);
    return ['old', 'kept'].filter((key) => rows.live.dedupe('tester', key, 0) !== undefined);
  },
});

storeContract('in SQLite on a simulated disk', {
  ...kindOf(SqliteRowsOnDisk),
  inspectCopy: async (path) => {
    const bytes = memory.bytesOf(path);
    const database = new DatabaseSync(':memory:');
    database.deserialize(bytes);
    const meta = database.prepare("select value from meta where key = 'checkpoint'").get();
    const count = database.prepare('select count(*) as count from documents').get()?.count;
    database.close();
    return {
      bytes: bytes.length,
      instance: JSON.parse(String(meta?.value)).checkpointInstance,
      documentCount: Number(count),
    };
  },
  rememberedKeys: async (directory) => {
    const rows = new SqliteRowsOnDisk({ directory, disk, hashes });
    await rows.open(first);
    const keys = ['old', 'kept'].filter((key) => rows.live.dedupe('tester', key, 0) !== undefined);
    await rows.close();
    return keys;
  },
});

for (const [name, Rows] of [
  ['in maps', ModelRows],
  ['in SQLite', SqliteRowsOnDisk],
] as const) {
  readerContract(
    `${name} on a simulated disk`,
    (directory) => {
      const pages = newest.get(directory)?.pages;
      if (pages === undefined) throw new Error('a reader reads what a store has opened');
      return new InThreadCheckpointReader({ directory, disk, hashes, pages });
    },
    kindOf(Rows).storeOf,
  );
}
