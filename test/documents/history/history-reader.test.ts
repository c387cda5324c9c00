import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LoggosError } from '../../../src/base/errors.ts';
import { emptyHistory, type HistoryEnd } from '../../../src/documents/history/history-end.ts';
import type { HistoryReader } from '../../../src/documents/history/history-reader.ts';
import type { EventFilter } from '../../../src/documents/store/checkpoint-reader.ts';
import { CrashDisk } from './crash-disk.ts';
import { EventSource, type KnownEvent } from './event-source.ts';
import { directory, historyOf, openWriter, readerOf } from './small-history.ts';

/** Many small events with all that a filter can ask for. */
function variedEvents(count: number): readonly KnownEvent[] {
  const source = new EventSource(11);
  for (let at = 0; at < count; at++) {
    source.add({
      collection: at % 3 === 0 ? 'ships' : 'harbours',
      documentId: ['argo', 'argonaut', 'a"quoted', 'Γάϊος', 'lakka'][at % 5] ?? '',
      actor: at % 4 === 0 ? 'captain' : 'anonymous',
      type: at % 6 === 0 ? 'ship.moved' : null,
      operation: at % 13 === 12 ? 'deleted' : 'replaced',
      eventId: at % 9 < 2 ? `trip${Math.floor(at / 9)}.${at % 9}` : `event${at}`,
      ...(at % 5 === 0 ? { correlationId: `corr-${at % 3}` } : {}),
      ...(at % 8 === 0 ? { idempotencyKey: `key-${at % 24}` } : {}),
      // A document that holds the very texts that the cheap test looks for.
      body: JSON.stringify({ collection: 'ships', actor: 'captain', type: 'ship.moved', at }),
      erased: at % 17 === 16,
    });
  }
  return source.events;
}

/** The filter's meaning, written down once more and plainly. */
function passes(event: KnownEvent, filter: EventFilter): boolean {
  const known = event.erased ? undefined : event;
  const asked: readonly (readonly [string | undefined, unknown])[] = [
    [filter.collection, known?.collection],
    [filter.documentId, known?.documentId],
    [filter.type, known?.type],
    [filter.actor, known?.actor],
    [filter.operation, event.operation],
    [filter.correlationId, known?.correlationId],
    [filter.idempotencyKey, known?.idempotencyKey],
  ];
  if (asked.some(([value, has]) => value !== undefined && value !== has)) return false;
  if (filter.idPrefix !== undefined && known?.documentId.startsWith(filter.idPrefix) !== true) return false;
  if (filter.eventId !== undefined && known?.eventId !== filter.eventId) {
    if (known === undefined || known.eventId.replace(/\.\d+$/, '') !== filter.eventId) return false;
  }
  if (filter.since !== undefined && event.time < filter.since) return false;
  return filter.until === undefined || event.time < filter.until;
}

const events = variedEvents(400);
const firstTime = events[0]?.time ?? 0;
const lastTime = events.at(-1)?.time ?? 0;
const optional = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined, freq: 3 });
const time = fc.integer({ min: firstTime - 20, max: lastTime + 20 });
const filters = fc
  .record({
    collection: optional(fc.constantFrom('ships', 'harbours', 'none')),
    documentId: optional(fc.constantFrom('argo', 'a"quoted', 'Γάϊος')),
    idPrefix: optional(fc.constantFrom('a', 'argo', 'a"', 'Γά', '')),
    type: optional(fc.constantFrom('ship.moved', 'other')),
    actor: optional(fc.constantFrom('captain', 'anonymous')),
    operation: optional(fc.constantFrom('created', 'replaced', 'deleted')),
    since: optional(time),
    until: optional(time),
    correlationId: optional(fc.constantFrom('corr-0', 'corr-1')),
    idempotencyKey: optional(fc.constantFrom('key-0', 'key-8')),
    eventId: optional(fc.constantFrom('trip3', 'trip3.1', 'event5')),
  })
  .map(
    (filter) => Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as EventFilter,
  );

test('pages of events, filtered or not, put together are the naive answer and never go beyond the committed end', async () => {
  const { disk, end } = await historyOf(events);
  await fc.assert(
    fc.asyncProperty(
      filters,
      fc.integer({ min: 0, max: 410 }),
      fc.record({
        countMax: fc.integer({ min: 1, max: 60 }),
        bytesMax: fc.integer({ min: 1, max: 20_000 }),
        scanMax: fc.integer({ min: 1, max: 500 }),
      }),
      async (filter, start, limits) => {
        const reader = readerOf(disk, end, 16 * 1024);
        const found: number[] = [];
        let after = start;
        while (after < end.position) {
          const { lines, scannedTo } = await reader.lines({ after, filter, ...limits });
          assert.ok(scannedTo > after, 'every page comes further');
          assert.ok(lines.length <= limits.countMax);
          const bytes = lines.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0);
          assert.ok(bytes <= limits.bytesMax || lines.length === 1);
          for (const { position, line } of lines) {
            assert.ok(position > after && position <= scannedTo);
            assert.equal(line, events[position - 1]?.line);
            found.push(position);
          }
          after = scannedTo;
        }
        const expected = events.filter((event) => event.position > start && passes(event, filter));
        assert.deepEqual(
          found,
          expected.map(({ position }) => position),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('lines, chains and times at every position are those of the list, in sealed and in plain files', async () => {
  for (const sealed of [true, false]) {
    const { disk, end } = await historyOf(events, sealed);
    const reader = readerOf(disk, end);
    for (const { position, line, chain } of events.toReversed()) {
      assert.equal(await reader.line(position), line);
      assert.deepEqual(Buffer.from((await reader.chainAt(position)) ?? []), Buffer.from(chain));
    }
    assert.deepEqual(await reader.chainAt(0), new Uint8Array(32));
    for (const beyond of [0, -1, events.length + 1]) assert.equal(await reader.line(beyond), undefined);
    assert.equal(await reader.chainAt(events.length + 1), undefined);
    for (let at = firstTime - 11; at <= lastTime + 11; at += 7) {
      assert.equal(await reader.positionAtTime(at), events.findLast((event) => event.time <= at)?.position ?? 0);
    }
  }
});

test('an empty history answers with nothing', async () => {
  const reader = readerOf(new CrashDisk(), emptyHistory);
  assert.equal(await reader.line(1), undefined);
  assert.equal(await reader.positionAtTime(Date.now()), 0);
  assert.deepEqual(await reader.chainAt(0), new Uint8Array(32));
  const page = await reader.lines({ after: 0, countMax: 10, bytesMax: 10_000, scanMax: 10 });
  assert.deepEqual(page, { lines: [], scannedTo: 0 });
});

test('a walk answers with the newest events at or below both bounds, in a few hops', async () => {
  const source = new EventSource(2);
  for (let at = 0; at < 700; at++) source.add({ documentId: at % 7 === 3 ? 'other' : 'argo' });
  const own = source.events.filter(({ documentId }) => documentId === 'argo');
  const { disk, end } = await historyOf(source.events);
  const last = own.at(-1);
  assert.ok(last !== undefined);
  const bound = fc.option(fc.integer({ min: 0, max: 720 }), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(
      bound,
      bound,
      fc.integer({ min: 1, max: 40 }),
      bound,
      async (revisionMax, positionMax, countMax, positionAfter) => {
        const reader = readerOf(disk, end);
        const lines = await reader.walk({
          from: last.position,
          countMax,
          ...(revisionMax === undefined ? {} : { revisionMax }),
          ...(positionMax === undefined ? {} : { positionMax }),
          ...(positionAfter === undefined ? {} : { positionAfter }),
        });
        const expected = own
          .filter(({ revision, position }) => revision <= (revisionMax ?? 999) && position <= (positionMax ?? 999))
          .filter(({ position }) => position > (positionAfter ?? 0))
          .slice(-countMax)
          .toReversed();
        assert.deepEqual(
          lines,
          expected.map(({ position, line }) => ({ position, line })),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('a walk to any revision or position reads at most three events a level', async () => {
  const source = new EventSource(2);
  for (let at = 0; at < 1_100; at++) source.add();
  const { disk, end } = await historyOf(source.events);
  const levels = Math.ceil(Math.log(1_100) / Math.log(4));
  for (let target = 1; target <= 1_100; target += 9) {
    for (const bounds of [{ revisionMax: target }, { positionMax: target }]) {
      // No cache, so that each event costs one read of a frame.
      const reader = readerOf(disk, end, 1);
      let opens = 0;
      disk.onRead = () => opens++;
      const [line] = await reader.walk({ from: 1_100, countMax: 1, ...bounds });
      assert.equal(line?.position, target);
      // An index may be read beside a frame.
      assert.ok(opens <= 2 * (3 * levels + 2), `${opens} reads to ${target}`);
    }
  }
});

test('files are sealed under a reader that has read them plain, at an older end too', async () => {
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  const ends: HistoryEnd[] = [];
  const readers: HistoryReader[] = [];
  for (let at = 0; at < events.length; at += 7) {
    await writer.append(events.slice(at, at + 7));
    const end = await writer.sync();
    ends.push(end);
    const reader = readerOf(disk, end);
    // It knows the files as they are now.
    await reader.line(end.position);
    readers.push(reader);
    const growing: HistoryReader | undefined = readers[0];
    growing?.advance(end);
    assert.equal(await growing?.line(end.position), events[end.position - 1]?.line);
    await writer.sealReady(end);
  }
  for (const [index, reader] of readers.entries()) {
    const position = index === 0 ? events.length : (ends[index]?.position ?? 0);
    for (const at of [1, Math.ceil(position / 2), position]) assert.equal(await reader.line(at), events[at - 1]?.line);
    const { lines, scannedTo } = await reader.lines({ after: 0, countMax: 1_000, bytesMax: 1e9, scanMax: 1_000 });
    assert.equal(scannedTo, position);
    assert.deepEqual(
      lines.map(({ line }) => line),
      events.slice(0, position).map(({ line }) => line),
    );
    assert.equal(await reader.positionAtTime(Number.MAX_SAFE_INTEGER), position);
    assert.equal(await reader.line(position + 1), undefined);
  }
});

test('a plain file that is sealed between the listing and the read is read sealed', async () => {
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  await writer.append(events);
  const end = await writer.sync();
  const sealed = (await historyOf(events)).disk;
  const reader = readerOf(disk, end);
  // Listed as plain; then, right before the open, everything is sealed.
  disk.onRead = () => {
    disk.onRead = undefined;
    disk.files.clear();
    for (const [path, content] of sealed.files) disk.files.set(path, content);
  };
  for (const { position, line } of events) assert.equal(await reader.line(position), line);
});

test('one flipped bit anywhere is damage or leaves the line as it was: never another line', async () => {
  const source = new EventSource(4);
  source.addMany(45, 120);
  for (const sealed of [true, false]) {
    const { disk, end } = await historyOf(source.events, sealed);
    for (const [path, { bytes }] of disk.files) {
      let damaged = 0;
      let tries = 0;
      for (let offset = 0; offset < bytes.length; offset += 13, tries++) {
        const rotten = disk.afterKill();
        rotten.flip(path, offset, offset % 8);
        damaged += await countDamage(() => readAll(readerOf(rotten, end), source.events));
      }
      // A few bits of a sealed file are not looked at: its frames' unused header bits.
      assert.ok(damaged >= tries * 0.95, `${path}: ${damaged} of ${tries}`);
    }
  }
});

test('a file that is missing is damage, and says so without a path', async () => {
  const { disk, end } = await historyOf(events);
  disk.files.delete(`${directory}/${[...disk.files.keys()].map((path) => path.slice(8)).sort()[1]}`);
  const reader = readerOf(disk, end);
  await assert.rejects(readAll(reader, events), (error) => {
    assert.ok(error instanceof LoggosError);
    assert.equal(error.code, 'checkpoint-damaged');
    assert.ok(!error.message.includes('/') && !JSON.stringify(error.facts).includes('/'));
    return true;
  });
});

async function readAll(reader: ReturnType<typeof readerOf>, expected: readonly KnownEvent[]): Promise<void> {
  const { lines } = await reader.lines({ after: 0, countMax: 10_000, bytesMax: 1e9, scanMax: 10_000 });
  assert.deepEqual(
    lines.map(({ line }) => line),
    expected.map(({ line }) => line),
  );
}

/** 1 where it is reported, 0 where the answer was right; a wrong answer fails the test. */
async function countDamage(action: () => Promise<void>): Promise<number> {
  try {
    await action();
    return 0;
  } catch (error) {
    if (error instanceof LoggosError && error.code === 'checkpoint-damaged') return 1;
    throw error;
  }
}
