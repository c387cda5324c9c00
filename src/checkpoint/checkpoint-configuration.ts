import * as z from 'zod';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { readSmallFile, replaceFile } from './files.ts';
import { printSealed, readSealed } from './sealed-json.ts';

const configurationFileName = 'checkpoint.json';

/** What an operator sets of one replica's checkpoint; kept over restarts. */
export interface CheckpointConfiguration {
  /** Instances below the checkpoint instance that stay in the log for replicas that lag. */
  readonly holdCount: number;
  /** … but not more than these bytes of log, */
  readonly holdBytes: number;
  /** … and none older than this. */
  readonly holdSeconds: number;
  readonly replayer: 'running' | 'paused';
  readonly cleaner: 'running' | 'paused';
}

const defaultConfiguration: CheckpointConfiguration = {
  holdCount: 10_000,
  holdBytes: 256 * 1024 * 1024,
  holdSeconds: 3600,
  replayer: 'running',
  cleaner: 'running',
};

const configurationBody = z.strictObject({
  format: z.literal(1),
  holdCount: z.int().min(0),
  holdBytes: z.int().min(0),
  holdSeconds: z.int().min(0),
  replayer: z.enum(['running', 'paused']),
  cleaner: z.enum(['running', 'paused']),
});

/** Reads the kept configuration; a damaged one is reported and the defaults rule: no data hangs on it. */
export async function readConfiguration(
  disk: Disk,
  directory: string,
  observer: Observer,
): Promise<CheckpointConfiguration> {
  const path = `${directory}/${configurationFileName}`;
  try {
    const bytes = await readSmallFile(disk, path, 64 * 1024);
    if (bytes === undefined) return defaultConfiguration;
    const { format: _, ...configuration } = configurationBody.parse(readSealed(bytes, path, 'directory-unusable').body);
    return configuration;
  } catch (error) {
    if (!(error instanceof LoggosError || error instanceof z.ZodError)) throw error;
    observer.report('error', 'checkpoint-configuration-damaged', { path, error: error.message });
    return defaultConfiguration;
  }
}

/** @throws LoggosError `invalid-parameter`, saying which */
export function checkConfiguration(configuration: CheckpointConfiguration): void {
  for (const name of ['holdCount', 'holdBytes', 'holdSeconds'] as const) {
    const value = configuration[name];
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new LoggosError('invalid-parameter', `${name} is a whole number from 0`, { parameter: name });
  }
}

/** Replaces it whole and durably. */
export async function writeConfiguration(
  disk: Disk,
  directory: string,
  configuration: CheckpointConfiguration,
): Promise<void> {
  const { holdCount, holdBytes, holdSeconds, replayer, cleaner } = configuration;
  const bytes = printSealed({ format: 1, holdCount, holdBytes, holdSeconds, replayer, cleaner });
  await replaceFile(disk, directory, configurationFileName, bytes);
}
