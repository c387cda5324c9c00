import { assert } from '../base/assert.ts';
import { type Disk, DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { Opening } from '../base/opening.ts';
import { checkpointDirectory, machineDirectory, readCurrent } from '../checkpoint/current.ts';
import { markDamaged, readDamageMark } from '../checkpoint/damage-mark.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import { type RebuildReport, rebuildCheckpoint } from '../checkpoint/rebuild.ts';
import { documentMachineId } from '../documents/document-state-machine.ts';
import { databaseFile, historyDirectory } from '../documents/store/schema.ts';
import type { Database } from '../http/database.ts';
import { systemClock } from '../system/clock.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { WorkerDisk } from '../system/worker-disk.ts';
import { BootProgress } from './boot-progress.ts';
import { closedDocuments } from './closed-documents.ts';
import { openDatabaseLog } from './database-log.ts';
import { type OpenDatabaseOptions, openDatabase, type RunningDatabase } from './open-database.ts';
import { refusingDatabase } from './refusing-database.ts';
import { verifyInWorker } from './verify-in-worker.ts';

export interface SupervisedOptions
  extends Omit<OpenDatabaseOptions, 'identity' | 'onDamaged' | 'stopping' | 'progress'> {
  /** Who this replica is; of a new one of several that is known only once the others are there. */
  identify(progress: BootProgress): Promise<Identity>;
}

/** One boot does not rebuild more often: what is still damaged then is more than a checkpoint. */
const rebuildsMax = 2;
/** How long a stop waits for a recovery to be given up. */
const recoveryStopMs = 2_000;

/**
 * One database from the first moment on, and what becomes of it when its checkpoint turns out to be damaged, at a boot
 * or later. As long as it is not open everybody is told so. Of one that is damaged nothing is served any more; damage is
 * noted durably; the database is stopped, its checkpoint rebuilt from the newest snapshot that is whole and the log, and
 * opened again, all inside the process. Where that cannot be, it refuses everything and says what to do: no boot fails
 * for it, so nothing loops.
 */
export class SupervisedDatabase {
  /** What is served, by name; its one entry changes. */
  readonly databases = new Map<string, Database>();
  readonly #options: SupervisedOptions;
  readonly #disk: Disk = new PoolDisk();
  #identity: Identity | undefined;
  #running: RunningDatabase | undefined;
  #recovery: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();
  #progress = new BootProgress();
  #opening = new Opening();

  constructor(options: SupervisedOptions) {
    this.#options = options;
    const { name } = options;
    const check = () => ({ name: 'boot', detail: this.#progress.detail });
    const refusal = () => this.#progress.refusal();
    this.databases.set(name, refusingDatabase({ name, refusal, check, opening: this.#opening }));
  }

  /**
   * Resolves when it is open, or refuses everything for good.
   * @throws LoggosError where it cannot start for another reason than a damaged checkpoint
   */
  async open(): Promise<void> {
    this.#identity = await this.#options.identify(this.#progress);
    await this.#open();
  }

  /** Gives up what may take long: seals, verifications, a rebuild. `stop` follows. */
  beginStop(): void {
    if (!this.#isStopping) this.#stopping.abort(new LoggosError('stopped', 'The replica is stopping.'));
    this.#running?.beginStop();
  }

  /**
   * Resolves with true when all of it is closed; with false where a recovery that cannot be given up is still under way:
   * the process must end then, as in a crash, which every start copes with.
   */
  async stop(): Promise<boolean> {
    this.beginStop();
    const late = Promise.withResolvers<false>();
    const cancel = systemClock.after(recoveryStopMs, () => late.resolve(false));
    const isOver = await Promise.race([this.#recovery.then(() => true), late.promise]);
    cancel();
    if (!isOver) return false;
    await this.#running?.stop();
    return true;
  }

  get #self(): Identity {
    assert(this.#identity !== undefined, 'a replica knows who it is before its database is opened');
    return this.#identity;
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  get #directory(): string {
    return `${this.#options.configuration.data}/databases/${this.#options.name}`;
  }

  async #open(): Promise<void> {
    for (let rebuilds = 0; ; rebuilds++) {
      const damage = (await this.#knownDamage()) ?? (await this.#openOrDamage());
      if (damage === undefined) break;
      const rebuilt = rebuilds < rebuildsMax ? await this.#rebuild(damage) : undefined;
      if (rebuilt?.done === true) continue;
      this.#refuse(damage, rebuilt?.newestWholeSnapshot);
      break;
    }
    this.#opening.open();
  }

  /** Opens it, or says what is damaged, which is then noted. */
  async #openOrDamage(): Promise<string | undefined> {
    const { name } = this.#options;
    try {
      // What a running one finds before it is handed over waits until it is.
      const handedOver = Promise.withResolvers<RunningDatabase>();
      const running = await openDatabase({
        ...this.#options,
        identity: this.#self,
        stopping: this.#stopping.signal,
        progress: this.#progress,
        onDamaged: (what) => void handedOver.promise.then((database) => this.#onDamaged(database, what)),
      });
      this.#running = running;
      this.databases.set(name, running.database);
      handedOver.resolve(running);
      return undefined;
    } catch (error) {
      if (!(error instanceof LoggosError) || error.code !== 'checkpoint-damaged') throw error;
      await this.#mark(error.message);
      return error.message;
    }
  }

  /** What an earlier life noted, or what opening would take for a new database. */
  async #knownDamage(): Promise<string | undefined> {
    const install = await readCurrent(this.#disk, this.#directory);
    if (install === undefined) return undefined;
    const directory = checkpointDirectory(this.#directory, install);
    const known = await readDamageMark(this.#disk, directory);
    if (known !== undefined) return known;
    const machine = machineDirectory(directory, documentMachineId);
    const history = await this.#disk.list(`${machine}/${historyDirectory}`).catch(() => []);
    if (history.length === 0 || ((await this.#disk.stat(`${machine}/${databaseFile}`))?.bytes ?? 0) > 0)
      return undefined;
    const what = `${databaseFile} is gone, beside a history that is there.`;
    await this.#mark(what);
    return what;
  }

  async #mark(what: string): Promise<void> {
    const { observer } = this.#options;
    observer.report('error', 'checkpoint-damaged', { what });
    observer.count('checkpoint_damages');
    const install = await readCurrent(this.#disk, this.#directory);
    if (install === undefined) return;
    await markDamaged(this.#disk, checkpointDirectory(this.#directory, install), what).catch((error: unknown) => {
      // A full disk: it is found again.
      observer.report('error', 'damage-not-noted', { error: String(error) });
    });
  }

  #onDamaged(running: RunningDatabase, what: string): void {
    if (this.#isStopping || this.#running !== running) return;
    this.#running = undefined;
    const { name, onFatal } = this.#options;
    this.#progress = new BootProgress();
    this.#opening = new Opening();
    this.databases.set(
      name,
      refusingDatabase({
        name,
        refusal: () => new LoggosError('checkpoint-damaged', what),
        check: () => ({ name: 'checkpoint', detail: `${what} ${this.#progress.detail}` }),
        last: running.database.read,
        opening: this.#opening,
      }),
    );
    this.#recovery = this.#recover(running, what).catch((error: unknown) => {
      if (!this.#isStopping) onFatal(error);
    });
  }

  async #recover(running: RunningDatabase, what: string): Promise<void> {
    await this.#mark(what);
    await running.stop().catch((error: unknown) => {
      this.#options.observer.report('warn', 'close-failed', { error: String(error) });
    });
    if (!this.#isStopping) await this.#open();
    // Opened just when the stop was asked for: nobody is served by it.
    if (this.#isStopping) this.#running?.beginStop();
  }

  /** Undefined: it could not even be tried. */
  async #rebuild(damage: string): Promise<RebuildReport | undefined> {
    const { name, observer } = this.#options;
    observer.report('warn', 'checkpoint-rebuild-begins', { what: damage });
    try {
      return await rebuildCheckpoint({
        disk: this.#disk,
        observer,
        databaseDirectory: this.#directory,
        database: name,
        clusterId: this.#self.clusterId,
        machines: [closedDocuments(verifyInWorker)],
        signal: this.#stopping.signal,
        onProgress: (done, total) => this.#progress.at(() => ({ phase: 'rebuilding', done, total })),
        openLog: (checkpointInstance) => this.#openLog(checkpointInstance),
      });
    } catch (error) {
      if (this.#isStopping || (!(error instanceof LoggosError) && !(error instanceof DiskError))) throw error;
      observer.report('error', 'checkpoint-rebuild-failed', { error: String(error) });
      return undefined;
    }
  }

  async #openLog(checkpointInstance: number) {
    const { name, configuration, observer, onFatal } = this.#options;
    const disk = new WorkerDisk();
    try {
      const parts = { name, configuration, identity: this.#self, observer, disk, readDisk: this.#disk };
      const { log, boot } = await openDatabaseLog({ ...parts, checkpointInstance, onFailure: onFatal });
      return {
        firstInstance: boot.firstInstance,
        chosenTo: boot.chosenTo,
        read: (first: number, countMax: number, bytesMax: number) => log.read(first, countMax, bytesMax),
        close: async () => {
          await log.close();
          await disk.close();
        },
      };
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  #refuse(damage: string, newestWholeSnapshot: number | undefined): void {
    const { name, configuration, observer } = this.#options;
    const adviceFrom = (data: string): string => {
      const source =
        newestWholeSnapshot === undefined ? '<file.tar>' : `${data}/databases/${name}/snapshots/${newestWholeSnapshot}`;
      return `restore the newest backup into another directory: loggos restore ${source} --data <directory>`;
    };
    const { data } = configuration;
    observer.report('error', 'checkpoint-lost', { what: damage, data, advice: adviceFrom(data) });
    // Clients read it too, and where the data lies is not theirs to know.
    const advice = adviceFrom('<data>');
    const last = this.databases.get(name)?.read;
    const what = `${damage} No snapshot and log here can rebuild it: ${advice}.`;
    this.databases.set(
      name,
      refusingDatabase({
        name,
        refusal: () => new LoggosError('checkpoint-damaged', what),
        check: () => ({ name: 'checkpoint', detail: what }),
        last,
      }),
    );
  }
}
