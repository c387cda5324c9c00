import { LoggosError } from '../../base/errors.ts';

/** A file of plain lines, as far as it is committed. */
export interface PlainFileEnd {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** CRC-32 of those bytes: rot in plain lines is found by it, as rot in sealed ones is by zstd's checksums. */
  readonly crc: number;
}

/**
 * How far history goes: what a commit of the checkpoint states beside its rows, and what readers may see. All
 * positions up to `position` are in sealed files but for those of `plain`, ascending, of which the last may still grow.
 * A file that was plain at the commit may be sealed since: its lines are the same.
 */
export interface HistoryEnd {
  /** 0: no event yet. */
  readonly position: number;
  readonly plain: readonly PlainFileEnd[];
}

export const emptyHistory: HistoryEnd = { position: 0, plain: [] };

/** As JSON text, for the row of the commit. */
export function printHistoryEnd(end: HistoryEnd): string {
  return JSON.stringify({
    position: end.position,
    plain: end.plain.map(({ first, last, bytes, crc }) => [first, last, bytes, crc]),
  });
}

/** @throws LoggosError `checkpoint-damaged` where the text is not what `printHistoryEnd` printed */
export function parseHistoryEnd(printed: string): HistoryEnd {
  let value: unknown;
  try {
    value = JSON.parse(printed);
  } catch (error) {
    throw new LoggosError('checkpoint-damaged', 'The end of history cannot be read.', {}, error);
  }
  const { position, plain } = Object(value) as { position?: unknown; plain?: unknown };
  if (!isCount(position) || !Array.isArray(plain)) throw notAnEnd();
  const files = plain.map((file: unknown) => {
    const [first, last, bytes, crc] = Array.isArray(file) ? (file as unknown[]) : [];
    if (!isCount(first) || !isCount(last) || !isCount(bytes) || !isCount(crc)) throw notAnEnd();
    return { first, last, bytes, crc };
  });
  const end: HistoryEnd = { position, plain: files };
  if (!isWhole(end)) throw notAnEnd();
  return end;
}

/** The plain files follow one another and end at the last position. */
function isWhole({ position, plain }: HistoryEnd): boolean {
  return plain.every(({ first, last, bytes }, index) => {
    const next = plain[index + 1];
    return (
      first >= 1 && last >= first && bytes > 0 && (next === undefined ? last === position : next.first === last + 1)
    );
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function notAnEnd(): LoggosError {
  return new LoggosError('checkpoint-damaged', 'The end of history is not one that was written.');
}
