import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { DocumentCheckpoint } from '../../src/documents/document-checkpoint.ts';
import { addToDigest, zeroDigest } from '../../src/documents/machine/digest.ts';
import { type EventLine, parseEventLine } from '../../src/documents/machine/event-line.ts';
import { contentAfter } from '../../src/documents/machine/replay-event.ts';
import { rowHash } from '../../src/documents/machine/row.ts';
import type { DocumentRow } from '../../src/documents/machine/types.ts';
import { base64url, dedupeOf, documentOf, parseCommitted } from '../../src/documents/store/schema.ts';
import type { MachineValue } from '../../src/statemachine/state-machine.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { SyncDisk } from '../../src/system/sync-disk.ts';
import { filesIn } from './state-machine/snapshot.ts';
import { modelOf } from './store/model.ts';
import { machineValue, put } from './store/proposals.ts';
import { checkpointWith, copyOf, historyText } from './store/temporary.ts';
import { puts, values } from './store/values.ts';

const checkpoint = new DocumentCheckpoint({ disk: new SyncDisk(), hashes: systemHashes });

/** The documents after the first lines, by applying every one of them in order. */
function naiveRows(lines: readonly string[]): DocumentRow[] {
  const rows = new Map<string, DocumentRow>();
  for (const line of lines) {
    const event = parseEventLine(line) as EventLine & { readonly collection: string; readonly documentId: string };
    const { collection, documentId, revision, position, back, operation } = event;
    const key = JSON.stringify([collection, documentId]);
    const body = contentAfter(rows.get(key)?.body, line);
    const time = Date.parse(event.time);
    rows.set(key, { collection, documentId, revision, position, time, deleted: operation === 'deleted', back, body });
  }
  return [...rows.values()];
}

const sorted = (rows: readonly DocumentRow[]) => [...rows].sort((left, right) => left.position - right.position);

function read(directory: string) {
  const database = new DatabaseSync(`${directory}/documents.sqlite`, { readOnly: true });
  try {
    const all = (query: string) => {
      const statement = database.prepare(query);
      statement.setReturnArrays(true);
      return statement.all() as unknown[];
    };
    const [committed] = all("select value from meta where key = 'checkpoint'") as [[string]];
    return {
      committed: parseCommitted(committed[0]),
      rows: sorted(all('select * from documents').map((columns) => documentOf(columns).row)),
      dedupe: all('select * from dedupe order by ordinal').map((columns) => dedupeOf(columns, systemHashes)),
      digestInstances: all('select instance from digests').flat() as number[],
    };
  } finally {
    database.close();
  }
}

/** Takes a copy back to `position`, checks it against the naive replay, and gives the position that it is at. */
async function checkRewind(
  source: string,
  history: readonly string[],
  chosen: readonly (MachineValue | undefined)[],
  asked: number,
) {
  const before = read(source);
  const directory = copyOf(source);
  const rewound = await checkpoint.rewind(directory, { position: asked });
  const { position, instance } = rewound;
  const wanted = asked === 0 ? 0 : (parseEventLine(history[asked - 1] ?? '').transaction?.last ?? asked);
  assert.equal(position, wanted, 'inside a transaction: its last');
  const after = read(directory);
  const lines = history.slice(0, position);
  assert.equal(historyText(directory), lines.map((line) => `${line}\n`).join(''));
  assert.deepEqual(after.rows, sorted(naiveRows(lines)));
  const digest = after.rows.reduce((sum, row) => addToDigest(sum, rowHash(row, systemHashes)), zeroDigest);
  assert.equal(rewound.digest, base64url(digest));
  assert.equal(after.committed.documentCount, after.rows.length);
  assert.equal(after.committed.state.instance, instance);
  assert.ok(after.digestInstances.every((recorded) => recorded <= instance));

  const next = history[position];
  if (position < history.length && next !== undefined && parseEventLine(next).instance !== instance && position > 0) {
    // The end of an instance: what a checkpoint had then.
    const model = modelOf(chosen.slice(0, instance));
    assert.equal(rewound.digest, base64url(model.digest));
    assert.equal(rewound.chain, base64url(model.state.chain));
    assert.equal(after.committed.state.time, model.state.time);
    for (const entry of after.dedupe) assert.deepEqual(entry, model.dedupe(entry.actor, entry.key, entry.line));
    const kept = before.dedupe.filter((entry) => entry.instance <= instance);
    assert.deepEqual(after.dedupe, kept);
    if (kept.length > 0) assert.equal(after.committed.state.dedupeOrdinal, model.state.dedupeOrdinal);
  }
  await checkpoint.fork(directory, 'history-of-the-restored');
  const verified = await checkpoint.verify(directory, filesIn(directory));
  assert.equal(verified.position, position);
  assert.equal(verified.chain, rewound.chain);
}

test('taken back to any position it is what the events up to it make, and passes verify as a fork', async () => {
  await fc.assert(
    fc.asyncProperty(values(15), fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), async (chosen, picks) => {
      const source = await checkpointWith(chosen);
      const history = modelOf(chosen).lines;
      for (const pick of new Set([0, ...picks.map((at) => at % (history.length + 1))])) {
        await checkRewind(source, history, chosen, pick);
      }
    }),
    { numRuns: 12 },
  );
});

test('taken back to any revision of a document that JSON Patches made, beside one that merges did', async () => {
  const patchesOf = (n: number) => [
    [{ op: 'add', path: `/at${n}`, value: { n } }],
    [
      { op: 'move', from: `/at${n - 1}`, path: '/moved' },
      { op: 'replace', path: '/text', value: `é ${n}` },
    ],
    [{ op: 'remove', path: '/moved' }],
    [
      { op: 'test', path: '/text', value: 'never' },
      { op: 'remove', path: '/text' },
    ],
  ];
  const chosen = [
    machineValue(1_700_000_000_000, put('first', 'a', { text: '' }), put('second', 'b', { n: 0 })),
    ...Array.from({ length: 80 }, (_, n) => {
      const content = patchesOf(n)[n % 4];
      const patch = { id: `patch-${n}`, operations: [{ kind: 'patch' as const, documentId: 'a', content }] };
      const merge = { id: `merge-${n}`, operations: [{ kind: 'merge' as const, documentId: 'b', content: { n } }] };
      return machineValue(1_700_000_000_000 + n, patch, merge);
    }),
  ];
  const source = await checkpointWith(chosen);
  const { lines } = modelOf(chosen);
  const patched = lines.map(parseEventLine).filter(({ operation }) => operation === 'patched');
  assert.equal(patched.length, 60, 'every fourth patch fails its test');
  assert.ok(
    patched.some(({ revision, document }) => revision % 16 === 0 && document !== undefined),
    'some carry the result too',
  );
  for (let position = 1; position <= lines.length; position += 7) await checkRewind(source, lines, chosen, position);
});

suite('taken back across sealed history files', () => {
  const chosen = puts(4_200, 4, 300);
  const source = checkpointWith(chosen);
  const { lines } = modelOf(chosen);
  for (const position of [1, 9_001, 16_384, 16_385, lines.length - 1, lines.length]) {
    test(`to position ${position} of ${lines.length}`, async () => checkRewind(await source, lines, chosen, position));
  }

  test('to a time: the last event not after it; later than the files is refused', async () => {
    const directory = copyOf(await source);
    const time = Date.parse(parseEventLine(lines[9_999] ?? '').time);
    const { position } = await checkpoint.rewind(directory, { time });
    assert.equal(position, lines.findLastIndex((line) => Date.parse(parseEventLine(line).time) <= time) + 1);
    await assert.rejects(checkpoint.rewind(directory, { time: time + 10_000 }), { code: 'invalid-parameter' });
    await assert.rejects(checkpoint.rewind(directory, { position: lines.length }), { code: 'invalid-parameter' });
  });

  test('before the first event: nothing is left but the place', async () => {
    const directory = copyOf(await source);
    const { position, instance } = await checkpoint.rewind(directory, { position: 0 });
    assert.deepEqual([position, instance], [0, 0]);
    assert.deepEqual(read(directory).rows, []);
  });
});
