import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'node:test';
import { createZstdDecompress } from 'node:zlib';
import { LoggosError } from '../../../src/base/errors.ts';
import {
  decodeSealedIndex,
  encodeSealedIndex,
  INDEX_TRAILER_BYTES,
  indexBytesOf,
} from '../../../src/documents/history/format.ts';
import { HistoryVerifier, verifyHistory } from '../../../src/documents/history/verify-history.ts';
import { CrashDisk } from './crash-disk.ts';
import { EventSource, hashes, type KnownEvent } from './event-source.ts';
import { directory, historyOf, openWriter, readerOf } from './small-history.ts';

function eventsOf(count: number): readonly KnownEvent[] {
  const source = new EventSource(21);
  for (let at = 0; at < count; at++)
    source.add({ documentId: `d${at % 9}`, erased: at % 10 === 9, body: `{"text":"Γ${at}"}` });
  return source.events;
}

const events = eventsOf(150);
const verify = (disk: CrashDisk) => verifyHistory({ disk, directory, hashes });

function isSnapshotDamage(error: unknown): boolean {
  return error instanceof LoggosError && error.code === 'snapshot-damaged' && !error.message.includes('/');
}

test('a whole history, erased events too, is verified from its bytes alone', async () => {
  for (const sealed of [true, false]) {
    const { disk } = await historyOf(events, sealed);
    const lines: string[] = [];
    const verified = await verifyHistory({ disk, directory, hashes, onLine: (line) => lines.push(line) });
    const { firstPosition, lastPosition, events: count, chain, lastTime } = verified;
    assert.deepEqual([firstPosition, lastPosition, count, lastTime], [1, 150, 150, events.at(-1)?.time]);
    assert.deepEqual(Buffer.from(chain), Buffer.from(events.at(-1)?.chain ?? []));
    assert.deepEqual(
      lines,
      events.map(({ line }) => line),
    );
  }
  const empty = await verify(new CrashDisk());
  assert.deepEqual([empty.lastPosition, empty.events, empty.lastTime], [0, 0, 0]);
});

test('one changed byte in any file, a missing file, a cut line: refused with the file and the position', async () => {
  const { disk } = await historyOf(events);
  for (const [path, { bytes }] of disk.files) {
    for (let offset = 5; offset < bytes.length; offset += 97) {
      const rotten = disk.afterKill();
      rotten.flip(path, offset, 3);
      await assert.rejects(verify(rotten), isSnapshotDamage, `${path} at ${offset}`);
    }
    const without = disk.afterKill();
    without.files.delete(path);
    if (path.endsWith('.zst')) await assert.rejects(verify(without), isSnapshotDamage);
    const cut = disk.afterKill();
    cut.files.set(path, { bytes: bytes.subarray(0, -3), durable: bytes });
    await assert.rejects(verify(cut), isSnapshotDamage);
  }
});

test('an event that was left out, doubled, exchanged or made up does not continue the chain', async () => {
  const forged = new EventSource(99);
  forged.add({ documentId: 'd0' });
  const lines = events.slice(0, 15).map(({ line }) => line);
  const swapped = [lines[1] ?? '', lines[0] ?? '', ...lines.slice(2)];
  const madeUp = [forged.events[0]?.line ?? '', ...lines.slice(1)];
  const edited = lines.map((line, at) => (at === 4 ? line.replace('"text":"Γ4"', '"text":"Γ5"') : line));
  for (const wrong of [lines.toSpliced(3, 1), lines.toSpliced(3, 0, lines[3] ?? ''), swapped, madeUp, edited]) {
    const disk = new CrashDisk();
    const bytes = Buffer.from(wrong.map((line) => `${line}\n`).join(''));
    disk.files.set(`${directory}/0000000000000001.ndjson`, { bytes, durable: bytes });
    await assert.rejects(verify(disk), isSnapshotDamage);
  }
});

test('an index that lies about chains, times or positions is damage, whatever its checksum says', async () => {
  const { disk } = await historyOf(events);
  const path = [...disk.files.keys()].sort()[0] ?? '';
  const bytes = disk.read(path);
  const indexBytes = indexBytesOf(bytes.subarray(-INDEX_TRAILER_BYTES), bytes.length) ?? 0;
  const index = decodeSealedIndex(bytes.subarray(-indexBytes), bytes.length);
  assert.ok(index !== undefined && index.frames.length > 1);
  const second = index.frames[1];
  assert.ok(second !== undefined);
  const lies = [
    { ...second, chainBefore: hashes.sha256(second.chainBefore) },
    { ...second, firstTime: second.firstTime + 1 },
    { ...second, firstPosition: second.firstPosition + 1 },
    { ...second, plainBytes: second.plainBytes + 1 },
    { ...second, plainBytes: 2 ** 32 - 1 },
  ].map((lie) => ({ ...index, frames: index.frames.with(1, lie) }));
  for (const lie of [...lies, { ...index, chainAfter: second.chainBefore }]) {
    const lying = disk.afterKill();
    const changed = Buffer.concat([bytes.subarray(0, -indexBytes), encodeSealedIndex(lie)]);
    lying.files.set(path, { bytes: changed, durable: changed });
    await assert.rejects(verify(lying), isSnapshotDamage);
  }
});

test('a scrub goes on over files that grow and are sealed between its steps, and finds rot on its next pass', async () => {
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  await writer.append(events.slice(0, 30));
  let end = await writer.sync();
  const reader = readerOf(disk, end);
  const verifier = new HistoryVerifier(reader);
  for (let at = 30; at < events.length; at += 5) {
    await verifier.step(1);
    await writer.append(events.slice(at, at + 5));
    end = await writer.sync();
    await writer.sealReady(end);
    reader.advance(end);
  }
  while (!(await verifier.step(2_000)).done);
  assert.deepEqual(Buffer.from(verifier.verified.chain), Buffer.from(events.at(-1)?.chain ?? []));
  // The reader has every frame in its cache; the scrubber reads the disk.
  disk.flip([...disk.files.keys()].sort()[2] ?? '', 40);
  verifier.restart();
  await assert.rejects(
    async () => {
      while (!(await verifier.step(2_000)).done);
    },
    (error) => error instanceof LoggosError && error.code === 'checkpoint-damaged',
  );
});

test('stock zstd reads a sealed file, and so does a decompressor that takes frame after frame', async (context) => {
  const { disk } = await historyOf(events);
  const path = [...disk.files.keys()].sort()[0] ?? '';
  const last = Number(path.slice(-27, -11));
  const expected = events
    .slice(0, last)
    .map(({ line }) => `${line}\n`)
    .join('');
  const streamed: Buffer[] = [];
  for await (const chunk of Readable.from([disk.read(path)]).pipe(createZstdDecompress()))
    streamed.push(chunk as Buffer);
  assert.equal(Buffer.concat(streamed).toString(), expected);
  const folder = await mkdtemp(join(tmpdir(), 'loggos-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'history.ndjson.zst');
  await writeFile(file, disk.read(path));
  const { error, status, stdout } = spawnSync('zstdcat', [file], { encoding: 'utf8' });
  if (error !== undefined) return context.diagnostic('zstdcat is not installed here');
  assert.equal(status, 0);
  assert.equal(stdout, expected);
});
