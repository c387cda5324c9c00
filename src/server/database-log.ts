import type { Disk } from '../base/disk.ts';
import type { Observer } from '../base/observer.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import type { Log, LogBoot } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import { systemClock } from '../system/clock.ts';
import { systemHashes } from '../system/hashes.ts';
import type { Configuration } from './configuration.ts';

export interface DatabaseLogOptions {
  readonly name: string;
  readonly configuration: Configuration;
  readonly identity: Identity;
  readonly observer: Observer;
  /** Writes: a thread of its own. */
  readonly disk: Disk;
  readonly readDisk: Disk;
  /** What the boot begins from; 0: nothing. */
  readonly checkpointInstance: number;
  readonly onFailure: (error: unknown) => void;
}

/** Opens the log of one database of this replica. */
export function openDatabaseLog(options: DatabaseLogOptions): Promise<{ log: Log; boot: LogBoot }> {
  const { name, configuration, identity, observer, disk, readDisk, checkpointInstance, onFailure } = options;
  return openLog({
    disk,
    readDisk,
    directory: `${configuration.data}/databases/${name}/log`,
    identity: `${identity.clusterId}/${identity.incarnation}/${name}`,
    checkpointInstance,
    hashes: systemHashes,
    clock: systemClock,
    observer,
    segmentBytes: configuration.segmentBytes,
    onFailure,
  });
}
