import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How often a second this machine syncs a 300-byte overwrite of a zero-filled file: the raw limit of one writer. */
export function syncRate(
  directory: string,
  calls = 1_000,
): { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number } {
  const path = join(directory, 'sync-rate');
  const file = openSync(path, 'w', 0o600);
  try {
    writeSync(file, Buffer.alloc(1_048_576));
    fsyncSync(file);
    const bytes = Buffer.alloc(300, 1);
    const times: number[] = [];
    const startedAt = performance.now();
    for (let call = 0; call < calls; call++) {
      const from = performance.now();
      writeSync(file, bytes, 0, bytes.length, call * 300);
      fdatasyncSync(file);
      times.push(performance.now() - from);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    times.sort((left, right) => left - right);
    return {
      perSecond: calls / seconds,
      p50Ms: times[Math.floor(calls * 0.5)] ?? 0,
      p99Ms: times[Math.floor(calls * 0.99)] ?? 0,
    };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
