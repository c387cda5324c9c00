import { crc32 } from 'node:zlib';
import type { DiskFile } from '../../base/disk.ts';
import { damagedFile } from './damage.ts';
import { FRAME_PLAIN_BYTES_MAX, historyCuts, plainFileName } from './format.ts';
import type { PlainFileEnd } from './history-end.ts';
import { factsOf } from './line-facts.ts';
import { lineEnds } from './lines.ts';

const READ_BYTES_MAX = 1024 * 1024;

/** A stretch of whole lines in a plain file, cut where a sealed file's frame would be. */
export interface PlainFrameInfo {
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
  readonly firstPosition: number;
  /** Milliseconds since 1970. */
  readonly firstTime: number;
}

interface Scan {
  readonly frames: readonly PlainFrameInfo[];
  readonly bytes: number;
  readonly crc: number;
  readonly nextPosition: number;
}

/**
 * The sparse index of one file of plain lines. It grows with the file; each stretch is compared with the checksum that
 * its commit states before anything in it is believed.
 */
export class PlainIndex {
  readonly name: string;
  #scan: Scan;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(first: number) {
    this.name = plainFileName(first);
    this.#scan = { frames: [], bytes: 0, crc: 0, nextPosition: first };
  }

  /** Of all that was scanned; the last frame may still grow. */
  get frames(): readonly PlainFrameInfo[] {
    return this.#scan.frames;
  }

  /** The position behind the last one scanned. */
  get nextPosition(): number {
    return this.#scan.nextPosition;
  }

  /** Whether all of a committed end is scanned: the file need not be opened. */
  reaches(end: PlainFileEnd): boolean {
    return this.#scan.bytes >= end.bytes;
  }

  /** Scans up to a committed end, once. @throws LoggosError `checkpoint-damaged` */
  advance(file: DiskFile, end: PlainFileEnd): Promise<void> {
    const scanned = this.#busy.then(async () => {
      if (!this.reaches(end)) this.#scan = await scanOn(file, this.name, this.#scan, end);
    });
    this.#busy = scanned.catch(() => undefined);
    return scanned;
  }
}

async function scanOn(file: DiskFile, name: string, from: Scan, end: PlainFileEnd): Promise<Scan> {
  const frames = [...from.frames];
  let { bytes, crc, nextPosition } = from;
  let rest: Buffer = Buffer.alloc(0);
  for (let at = bytes; at < end.bytes; ) {
    const read = await file.read(at, Math.min(READ_BYTES_MAX, end.bytes - at));
    if (read.length === 0) throw damagedFile(name, 'committed lines are missing', nextPosition);
    at += read.length;
    crc = crc32(read, crc);
    const chunk = Buffer.concat([rest, read]);
    let lineStart = 0;
    for (const lineEnd of lineEnds(chunk)) {
      addLine(frames, chunk.subarray(lineStart, lineEnd), bytes, nextPosition++, name);
      bytes += lineEnd - lineStart;
      lineStart = lineEnd;
    }
    rest = chunk.subarray(lineStart);
    if (rest.length > FRAME_PLAIN_BYTES_MAX) throw damagedFile(name, 'a line is too long', nextPosition);
  }
  if (crc !== end.crc || rest.length > 0 || nextPosition !== end.last + 1) {
    throw damagedFile(name, 'its lines are not those that were committed', from.nextPosition);
  }
  return { frames, bytes, crc, nextPosition };
}

function addLine(frames: PlainFrameInfo[], line: Buffer, offset: number, position: number, name: string): void {
  const open = frames.at(-1);
  if (open !== undefined && open.bytes < historyCuts.frameBytesMin) {
    frames[frames.length - 1] = { ...open, bytes: open.bytes + line.length, crc: crc32(line, open.crc) };
    return;
  }
  const facts = factsOf(line.toString('utf8'));
  if (facts?.position !== position) throw damagedFile(name, 'a line is not an event', position);
  frames.push({ offset, bytes: line.length, crc: crc32(line), firstPosition: position, firstTime: facts.time });
}
